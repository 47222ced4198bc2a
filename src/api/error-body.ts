import type { ZodError } from 'zod';
import { errorCode, PlatformError, publicMessage } from '../domain/errors.ts';
import { type ErrorBody, errorTable } from './contract.ts';

/** Any thrown value as the API answers it. Of a defect only the request id gets out. */
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

/** Says where the value is wrong and what was wanted; never the value itself, it may be a secret. */
export function wrongValue(error: ZodError, where: string): PlatformError {
  const issue = error.issues[0];
  const path = issue?.path.map(String).join('.') ?? '';
  return new PlatformError(
    'invalid_params',
    `${path === '' ? where : path.slice(0, 128)}: ${issue?.message.slice(0, 300)}.`,
  );
}

/** Fastify's own errors carry a status; their texts may quote the request, so each gets a sentence of ours. */
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
