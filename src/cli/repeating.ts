import { setTimeout as sleep } from 'node:timers/promises';
import { ApiError } from './errors.ts';
import { UnansweredError } from './unanswered.ts';

const firstPauseMs = 50;
const longestPauseMs = 500;

/**
 * The resolver's codes of requests that reached no process behind it: devcenter, "Heroku Error Codes", and H99, its own
 * code for a platform that is being restarted.
 */
const neverSent: ReadonlySet<string> = new Set(['H19', 'H21', 'H99']);

/** An answer of something in front of the API: a resolver's page, or a proxy's. The API's own errors have other ids. */
function isFromInFront({ status, id }: ApiError): boolean {
  return status >= 502 && status <= 504 && (id === undefined || /^H\d\d$/.test(id));
}

/** Whether the server may have done what the failed request asked for. An answer with a reason says that it has not. */
export function mayBeDone(error: unknown): boolean {
  if (error instanceof UnansweredError) return error.sent;
  if (!(error instanceof ApiError)) return false;
  if (isFromInFront(error)) return error.id === undefined || !neverSent.has(error.id);
  // The API gave up on something that it had begun.
  return error.code === 'internal' || error.code === 'timeout' || error.code === 'cancelled';
}

/** Whether the failed request got no word of the API. */
export function wasCutOff(error: unknown): boolean {
  return error instanceof UnansweredError || (error instanceof ApiError && isFromInFront(error));
}

/** Whether the failure is one that a restart of the platform causes, and that another attempt may not meet. */
function isPassing(error: unknown): boolean {
  if (error instanceof UnansweredError) return error.code === 'unavailable' && isOfConnection(error.cause);
  return error instanceof ApiError && isFromInFront(error);
}

const passingCodes: ReadonlySet<unknown> = new Set(['ECONNREFUSED', 'ECONNRESET', 'EPIPE']);

function isOfConnection(cause: unknown): boolean {
  return passingCodes.has((cause as NodeJS.ErrnoException | undefined)?.code);
}

export interface Repeating {
  readonly isRead: boolean;
  readonly patienceMs: number;
  readonly signal: AbortSignal;
  /** Called once, when it takes longer than a second. */
  readonly onWait: () => void;
}

/**
 * Repeats a request that a restart of the platform has cut off, for `patienceMs`: a read always, a change only when it
 * was certainly not sent. Throws the last attempt's error.
 */
export async function repeated<T>(attempt: () => Promise<T>, options: Repeating): Promise<T> {
  const { isRead, patienceMs, signal, onWait } = options;
  const begun = performance.now();
  let isTold = false;
  for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(longestPauseMs, pauseMs * 1.5)) {
    try {
      return await attempt();
    } catch (error) {
      if (!isPassing(error) || (!isRead && mayBeDone(error))) throw error;
      if (performance.now() - begun + pauseMs > patienceMs) throw error;
    }
    if (!isTold && performance.now() - begun > 1000) {
      isTold = true;
      onWait();
    }
    await sleep(pauseMs, undefined, { signal });
  }
}
