import { z } from 'zod';
import { type ErrorCode, PlatformError } from '../../domain/errors.ts';

/** The body of every error answer. `id` is for programs, `message` for a person, `hint` is what to do next. */
export const ErrorBody = z.object({
  id: z.string(),
  message: z.string(),
  hint: z.string().optional(),
  url: z.string().optional(),
  request_id: z.string().optional(),
});
export type ErrorBody = z.infer<typeof ErrorBody>;

/**
 * Maps error codes to HTTP and back. A new code does not compile until it is mapped. Ids are Heroku's where Heroku has
 * one.
 */
export const errorTable: { readonly [C in ErrorCode]: { readonly id: string; readonly status: number } } = {
  invalid_params: { id: 'invalid_params', status: 422 },
  unauthorized: { id: 'unauthorized', status: 401 },
  forbidden: { id: 'forbidden', status: 403 },
  not_found: { id: 'not_found', status: 404 },
  conflict: { id: 'conflict', status: 409 },
  confirmation_required: { id: 'confirmation_required', status: 422 },
  too_large: { id: 'too_large', status: 413 },
  rate_limited: { id: 'rate_limit', status: 429 },
  busy: { id: 'busy', status: 409 },
  no_capacity: { id: 'no_capacity', status: 422 },
  no_app_detected: { id: 'no_app_detected', status: 422 },
  build_failed: { id: 'build_failed', status: 422 },
  start_failed: { id: 'start_failed', status: 422 },
  cancelled: { id: 'cancelled', status: 409 },
  timeout: { id: 'timeout', status: 504 },
  unavailable: { id: 'unavailable', status: 503 },
  internal: { id: 'internal_server_error', status: 500 },
};

const codeById: ReadonlyMap<string, ErrorCode> = new Map(
  Object.entries(errorTable).map(([code, { id }]) => [id, code as ErrorCode]),
);

const codeByStatus: ReadonlyMap<number, ErrorCode> = new Map([
  [400, 'invalid_params'],
  [401, 'unauthorized'],
  [403, 'forbidden'],
  [404, 'not_found'],
  [409, 'conflict'],
  [413, 'too_large'],
  [422, 'invalid_params'],
  [429, 'rate_limited'],
  [503, 'unavailable'],
  [504, 'timeout'],
]);

/** Rebuilds the server's error in the client. `body` may be anything, because a proxy on the way may answer HTML. */
export function platformErrorFrom(status: number, body: unknown): PlatformError {
  const parsed = ErrorBody.safeParse(body);
  if (!parsed.success) {
    return new PlatformError(codeByStatus.get(status) ?? 'internal', `The API answered ${status} without a reason.`);
  }
  const { id, message, hint } = parsed.data;
  const code = codeById.get(id) ?? codeByStatus.get(status) ?? 'internal';
  return new PlatformError(code, message, hint === undefined ? {} : { hint });
}
