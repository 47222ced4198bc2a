import type { IncomingMessage } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { PlatformError } from '../domain/errors.ts';
import { type ApiClient, apiError } from './client.ts';
import { readEvents } from './event-stream.ts';
import { type Http, readText } from './http.ts';

export interface LogRequest {
  readonly lines: number;
  readonly tail: boolean;
  readonly dyno?: string;
  readonly source?: 'app' | 'heroku' | 'platform' | 'paas' | 'build' | 'router';
  readonly release?: number;
}

export interface LogStreamDeps {
  readonly api: ApiClient;
  readonly http: Http;
  readonly signal: AbortSignal;
  /** Called once per interruption with its reason, before the next attempt. */
  readonly onInterruption: (reason: string) => void;
  /** How long to keep trying during an interruption. */
  readonly patienceMs?: number;
}

const connectTimeoutMs = 15_000;
/** The server sends comments more often than this, so a longer silence means that the connection is dead. */
const silenceMs = 90_000;
const retryMs = { first: 250, most: 5000 } as const;

/**
 * Yields the lines of an app's log. With `tail` it follows the log and resumes after the last line when it is interrupted,
 * in a new log session if the old one has expired. Throws `timeout` when the server stays away for `patienceMs`.
 */
export async function* readLog(app: string, request: LogRequest, deps: LogStreamDeps): AsyncGenerator<string> {
  const { signal, patienceMs = 60_000 } = deps;
  let url = await openSession(app, request, deps.api);
  let lastId = '';
  let waitMs: number = retryMs.first;
  let lostAt: number | null = null;
  for (;;) {
    try {
      const response = await connect(url, lastId, deps);
      if (response === 'forgotten') {
        url = await openSession(app, request, deps.api);
        throw new PlatformError('unavailable', 'The log session ended.');
      }
      for await (const event of readEvents(heard(response))) {
        if (event.id !== '') lastId = event.id;
        lostAt = null;
        waitMs = retryMs.first;
        yield event.data;
      }
      if (!request.tail || signal.aborted) return;
      throw new PlatformError('unavailable', 'The log stream ended.');
    } catch (error) {
      if (signal.aborted) return;
      if (!request.tail || !isPassing(error)) throw error;
      const now = performance.now();
      if (lostAt === null) deps.onInterruption(error instanceof Error ? error.message : String(error));
      lostAt ??= now;
      if (now - lostAt > patienceMs) {
        throw new PlatformError('timeout', 'Log stream timed out. Please try again.', { cause: error });
      }
      await sleep(waitMs, undefined, { signal }).catch(() => {});
      waitMs = Math.min(waitMs * 2, retryMs.most);
    }
  }
}

async function openSession(app: string, request: LogRequest, api: ApiClient): Promise<URL> {
  const session = await api.call('POST /apps/{app}/log-sessions', { params: { app }, body: request });
  return new URL(session.logplex_url);
}

async function connect(url: URL, lastId: string, deps: LogStreamDeps): Promise<IncomingMessage | 'forgotten'> {
  const response = await deps.http.send({
    method: 'GET',
    url,
    headers: { accept: 'text/event-stream', ...(lastId === '' ? {} : { 'last-event-id': lastId }) },
    timeoutMs: connectTimeoutMs,
    signal: deps.signal,
  });
  if (response.statusCode === 200) {
    deps.signal.addEventListener('abort', () => response.destroy(), { once: true });
    return response;
  }
  const text = await readText(response);
  if (response.statusCode === 404 || response.statusCode === 403) return 'forgotten';
  throw await apiError(response, text);
}

/** Ends a connection on which nothing came for too long. Time in which we did not read does not count. */
async function* heard(response: IncomingMessage): AsyncGenerator<Uint8Array> {
  const silent = () => response.destroy(new Error(`The server sent nothing for ${silenceMs / 1000} s.`));
  let timer = setTimeout(silent, silenceMs);
  try {
    for await (const chunk of response as AsyncIterable<Uint8Array>) {
      clearTimeout(timer);
      yield chunk;
      timer = setTimeout(silent, silenceMs);
    }
  } finally {
    clearTimeout(timer);
  }
}

/** Whether trying again may help: a server that restarts, a broken connection. */
function isPassing(error: unknown): boolean {
  return error instanceof PlatformError ? error.retryable : true;
}
