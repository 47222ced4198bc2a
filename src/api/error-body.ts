import type { ZodError } from 'zod';
import { errorCode, PlatformError, publicMessage } from '../domain/errors.ts';
import { type ErrorBody, errorTable } from './contract.ts';

/** The answer for any thrown value. For a defect it shows only the request id. */
export function errorAnswer(error: unknown, requestId: string): { readonly status: number; readonly body: ErrorBody } {
  const known = asPlatformError(error);
  const { id, status } = errorTable[errorCode(known)];
  const hint = known instanceof PlatformError && known.code !== 'internal' ? known.hint : undefined;
  const message =
    errorCode(known) === 'internal'
      ? `Internal error, request ${requestId}. The platform log has the details.`
      : publicMessage(known);
  return { status, body: { id, message, request_id: requestId, ...(hint === undefined ? {} : { hint }) } };
}

/** Names the wrong field and what is expected. Never shows the value, which may be a secret. */
export function wrongValue(error: ZodError, where: string): PlatformError {
  const issue = error.issues[0];
  const path = issue?.path.map(String).join('.') ?? '';
  return new PlatformError(
    'invalid_params',
    `${path === '' ? where : path.slice(0, 128)}: ${issue?.message.slice(0, 300)}.`,
  );
}

/** Replaces Fastify's own errors, because their messages may quote the request. */
function asPlatformError(error: unknown): unknown {
  if (error instanceof PlatformError || !(error instanceof Error)) return error;
  const status = 'statusCode' in error ? error.statusCode : undefined;
  switch (status) {
    case 413:
      return new PlatformError('too_large', 'The request body is larger than 1 MB.');
    case 415:
      return new PlatformError('invalid_params', 'The request body is not JSON.', {
        hint: 'Send the header Content-Type: application/json',
      });
    case 400:
    case 414:
      return new PlatformError('invalid_params', 'The request is malformed.');
    default:
      return error;
  }
}
