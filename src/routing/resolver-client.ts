import type { IncomingMessage } from 'node:http';
import { PlatformError } from '../domain/errors.ts';
import type { DrainLeft, ResolverEvent, ResolverStats, TableFacts } from '../domain/resolver-protocol.ts';
import type { RouteTable } from '../domain/route.ts';
import { request } from '../system/node-http.ts';

/** The orchestrator's hand on the resolver. Every call may be repeated; each throws `unavailable` when nobody answers. */
export interface ResolverClient {
  /** The version of the table in use. */
  table(signal?: AbortSignal): Promise<TableFacts>;
  /** Puts the table in use. False: the resolver has one that is not older (its version: `table()`). */
  publish(table: RouteTable, signal?: AbortSignal): Promise<boolean>;
  /**
   * Sends nothing more to these instances and resolves when nothing is in flight on them, or after `timeoutMs` with what
   * is left. The signal ends the wait with `cancelled`; the instances get nothing more all the same.
   */
  drain(instanceIds: readonly string[], timeoutMs: number, signal?: AbortSignal): Promise<DrainLeft>;
  stats(signal?: AbortSignal): Promise<ResolverStats>;
  /** Everything worth a log line, until the signal aborts; connects again by itself, with `connected` each time. */
  events(signal: AbortSignal): AsyncIterable<ResolverEvent>;
  /** Only `connected`: each time that the resolver can be reached (again). Takes no events from `events`. */
  presence(signal: AbortSignal): AsyncIterable<ResolverEvent>;
}

export interface ResolverClientOptions {
  /** The launcher brings a dead resolver back within this time, so a call tries for as long before it says `unavailable`. */
  readonly patienceMs?: number;
  /** For the answer to a call that does not wait for anything. */
  readonly answerMs?: number;
}

const retryEveryMs = 50;

interface Call {
  readonly method: 'GET' | 'PUT' | 'POST';
  readonly path: string;
  readonly body?: string;
  readonly answerMs: number;
  readonly signal: AbortSignal | undefined;
}

interface Answer {
  readonly status: number;
  readonly text: string;
}

export function createResolverClient(socketPath: string, options: ResolverClientOptions = {}): ResolverClient {
  const { patienceMs = 5_000, answerMs = 10_000 } = options;

  async function call<T>(method: Call['method'], path: string, rest: Partial<Call> = {}): Promise<[number, T]> {
    const wanted = { method, path, answerMs, signal: undefined, ...rest };
    const { status, text } = await patiently(() => exchange(socketPath, wanted), patienceMs, rest.signal);
    if (status !== 200 && status !== 409) {
      throw new PlatformError(
        'internal',
        `The resolver answered ${status} to ${method} ${path}: ${text.slice(0, 200)}`,
      );
    }
    return [status, JSON.parse(text) as T];
  }

  async function* listen(path: string, signal: AbortSignal): AsyncGenerator<ResolverEvent> {
    while (!signal.aborted) {
      try {
        const answer = await open(socketPath, { method: 'GET', path, answerMs, signal });
        for await (const line of linesOf(answer)) yield JSON.parse(line) as ResolverEvent;
      } catch {
        // It is down, or was replaced in the middle of a line: the next `connected` says more than the reason would.
      }
      await pause(retryEveryMs, signal);
    }
  }

  return {
    table: async (signal) => (await call<TableFacts>('GET', '/table', withSignal(signal)))[1],
    publish: async (table, signal) =>
      (await call('PUT', '/table', { body: JSON.stringify(table), ...withSignal(signal) }))[0] === 200,
    async drain(instanceIds, timeoutMs, signal) {
      const body = JSON.stringify({ instanceIds, timeoutMs });
      return (
        await call<DrainLeft>('POST', '/drain', { body, answerMs: timeoutMs + answerMs, ...withSignal(signal) })
      )[1];
    },
    stats: async (signal) => (await call<ResolverStats>('GET', '/stats', withSignal(signal)))[1],
    events: (signal) => listen('/events', signal),
    presence: (signal) => listen('/events?presence=1', signal),
  };
}

function withSignal(signal: AbortSignal | undefined): Partial<Call> {
  return signal ? { signal } : {};
}

async function patiently<T>(
  attempt: () => Promise<T>,
  patienceMs: number,
  signal: AbortSignal | undefined,
): Promise<T> {
  const giveUpAtMs = performance.now() + patienceMs;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (signal?.aborted)
        throw new PlatformError('cancelled', 'The call to the resolver was cancelled.', { cause: error });
      if (performance.now() >= giveUpAtMs) {
        throw new PlatformError('unavailable', `The resolver did not answer within ${patienceMs / 1000} s.`, {
          hint: 'See: paas doctor',
          cause: error,
        });
      }
      await pause(retryEveryMs, signal);
    }
  }
}

/** Throws when the stream breaks off. */
async function* linesOf(stream: IncomingMessage): AsyncGenerator<string> {
  let rest = '';
  stream.setEncoding('utf8');
  for await (const chunk of stream) {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    yield* lines;
  }
}

async function exchange(socketPath: string, call: Call): Promise<Answer> {
  const answer = await open(socketPath, call);
  let text = '';
  answer.setEncoding('utf8');
  for await (const chunk of answer) text += chunk;
  return { status: answer.statusCode ?? 0, text };
}

/** Resolves with the answer's head. `answerMs` is for the head; what follows is the caller's. */
function open(socketPath: string, { method, path, body, answerMs, signal }: Call): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const headers = body === undefined ? {} : { 'Content-Length': Buffer.byteLength(body) };
    const outgoing = request({ socketPath, method, path, headers, agent: false, ...(signal ? { signal } : {}) });
    const late = setTimeout(() => outgoing.destroy(new Error(`no answer within ${answerMs} ms`)), answerMs);
    outgoing.on('error', reject);
    outgoing.on('close', () => clearTimeout(late));
    outgoing.on('response', (answer) => {
      clearTimeout(late);
      resolve(answer);
    });
    outgoing.end(body);
  });
}

function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) {
      resolve();
      return;
    }
    const done = () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal?.addEventListener('abort', done, { once: true });
  });
}
