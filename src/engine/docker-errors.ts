import { type ErrorCode, PlatformError } from '../domain/errors.ts';
import { usedUp } from './used-up.ts';

export interface FailedCall {
  readonly what: string;
  readonly deadlineMs?: number;
  /** True if the call's deadline passed, not the caller's signal. */
  readonly timedOut?: boolean;
  /** The caller's signal. An error after it aborted means `cancelled`. */
  readonly signal?: AbortSignal;
}

/** What dockerode throws for an answer of the engine. */
interface AnsweredError {
  readonly statusCode: number;
  readonly json?: { readonly message?: string } | null;
  readonly message: string;
}

const noConnection: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ENOENT',
  'EPIPE',
  'ENOTFOUND',
  'EHOSTUNREACH',
  'ETIMEDOUT',
]);

/**
 * The platform's error for any error of a call to the engine: `not_found` (404), `conflict` (409), `unavailable`
 * (no answer, deadline), `cancelled` (the caller's signal), `no_capacity` (disk full, or used-up.ts), else `internal` with the engine's words.
 */
export function toPlatformError(error: unknown, call: FailedCall): PlatformError {
  if (error instanceof PlatformError) return error;
  if (call.timedOut) {
    return new PlatformError(
      'unavailable',
      `The container engine did not ${call.what} within ${Math.round((call.deadlineMs ?? 0) / 1000)} s.`,
      { hint: 'Check the engine with: paas doctor', cause: error },
    );
  }
  if (call.signal?.aborted) return new PlatformError('cancelled', `Stopped: ${call.what}.`, { cause: error });
  const status = statusCode(error);
  if (status !== null) return fromAnswer(error as AnsweredError, status, call);
  const code = (error as NodeJS.ErrnoException | null)?.code ?? '';
  if (isAbort(error)) return new PlatformError('cancelled', `Stopped: ${call.what}.`, { cause: error });
  if (code === 'EACCES') {
    return new PlatformError('unavailable', `No permission to use the container engine (${call.what}).`, {
      hint: 'Run the platform as root or as a member of the group "docker".',
      cause: error,
    });
  }
  if (noConnection.has(code) || /socket hang up|aborted|premature close/i.test(String(error))) {
    return new PlatformError('unavailable', `The container engine does not answer (${call.what}).`, {
      hint: 'Check the engine with: paas doctor',
      cause: error,
    });
  }
  return new PlatformError('internal', `The engine could not ${call.what}: ${messageOf(error)}`, { cause: error });
}

/** The HTTP status of an answer that was an error. Null for all other errors. */
function statusCode(error: unknown): number | null {
  const status = (error as AnsweredError | null)?.statusCode;
  return typeof status === 'number' ? status : null;
}

/** True for a PlatformError whose cause is an answer of the engine with one of these statuses. */
export function answered(error: unknown, ...statuses: readonly number[]): boolean {
  const status = error instanceof PlatformError ? statusCode(error.cause) : null;
  return status !== null && statuses.includes(status);
}

/** Waits for a call, and treats an answer with one of these statuses as success. */
export async function ignoring(statuses: readonly number[], call: () => Promise<unknown>): Promise<void> {
  try {
    await call();
  } catch (error) {
    if (!answered(error, ...statuses)) throw error;
  }
}

/** The engine's message, without the text that docker-modem adds. */
export function engineMessage(error: unknown): string {
  const cause = error instanceof PlatformError && error.cause !== undefined ? error.cause : error;
  return messageOf(cause);
}

function messageOf(error: unknown): string {
  const answered = error as Partial<AnsweredError> | null;
  const text = answered?.json?.message ?? answered?.message ?? String(error);
  return text.replace(/^\(HTTP code \d+\) [^-]* - /, '').trim();
}

function fromAnswer(error: AnsweredError, status: number, call: FailedCall): PlatformError {
  const words = messageOf(error);
  const gone = usedUp(words);
  if (gone !== null) {
    return new PlatformError('no_capacity', `The host has no ${gone.thing} left: the engine could not ${call.what}.`, {
      hint: `${gone.hint}.`,
      cause: error,
    });
  }
  if (/no space left on device/i.test(words)) {
    return new PlatformError('no_capacity', `The engine's disk is full: it could not ${call.what}.`, {
      hint: 'Free space on the disk that holds the engine’s data, then try again.',
      cause: error,
    });
  }
  return new PlatformError(codeOf(status), `The engine could not ${call.what}: ${words}`, { cause: error });
}

function codeOf(status: number): ErrorCode {
  switch (status) {
    case 404:
      return 'not_found';
    case 409:
      return 'conflict';
    case 502:
    case 503:
    case 504:
      return 'unavailable';
    default:
      return 'internal';
  }
}

function isAbort(error: unknown): boolean {
  const name = (error as Error | null)?.name;
  return (
    name === 'AbortError' || name === 'TimeoutError' || (error as NodeJS.ErrnoException | null)?.code === 'ABORT_ERR'
  );
}
