/**
 * The only error class that crosses a room's border. People read `message` (the thing and the number) and `hint` (the next
 * command). Programs read `code`.
 */
export const errorCodes = [
  'invalid_params', // the caller's value is wrong: bad name, bad Procfile, unknown flag
  'unauthorized', // no or wrong credentials
  'forbidden', // known, but not allowed on this object
  'not_found',
  'conflict', // the name is taken, the state does not allow it
  'confirmation_required',
  'too_large', // over a size or count limit
  'rate_limited',
  'busy', // another holder has the lock; try again
  'no_capacity', // no host has room for the request
  'no_app_detected', // nothing in the source tells how to build it
  'build_failed', // the user's own code or configuration failed to build
  'start_failed', // the user's own process crashed, or did not answer, at start
  'cancelled', // the caller went away, or asked to stop
  'timeout',
  'unavailable', // a part of the platform (engine, resolver) does not answer
  'internal', // a defect of the platform. The user sees a request id; the log has the cause
] as const;

export type ErrorCode = (typeof errorCodes)[number];

export interface PlatformErrorOptions {
  /** The next thing to type or change, as a whole sentence. */
  readonly hint?: string;
  /** A short form for output that already contains the message: `failed to compile X app`. */
  readonly inShort?: string;
  readonly cause?: unknown;
  /** True if the same call may succeed later without a change by the caller. Default: by code. */
  readonly retryable?: boolean;
}

const retryableCodes: ReadonlySet<ErrorCode> = new Set(['rate_limited', 'busy', 'timeout', 'unavailable']);

export class PlatformError extends Error {
  readonly code: ErrorCode;
  readonly hint: string | undefined;
  readonly inShort: string | undefined;
  readonly retryable: boolean;

  constructor(code: ErrorCode, message: string, options: PlatformErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'PlatformError';
    this.code = code;
    this.hint = options.hint;
    this.inShort = options.inShort;
    this.retryable = options.retryable ?? retryableCodes.has(code);
  }
}

/** The code of any thrown value. `internal` unless it is a PlatformError. */
export function errorCode(error: unknown): ErrorCode {
  return error instanceof PlatformError ? error.code : 'internal';
}

/** The text that may be shown to a user: the message of a PlatformError, and no detail of a defect. */
export function publicMessage(error: unknown): string {
  if (error instanceof PlatformError && error.code !== 'internal') return error.message;
  return 'Internal error. The platform log has the details.';
}

/** Does not compile unless a union was handled completely. Throws if called, because that is a defect. */
export function assertNever(value: never, what = 'value'): never {
  throw new PlatformError('internal', `Unexpected ${what}: ${JSON.stringify(value)}`);
}
