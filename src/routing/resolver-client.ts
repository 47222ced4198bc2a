import type { IncomingMessage } from 'node:http';
import { PlatformError } from '../domain/errors.ts';
import type {
  DrainLeft,
  ResolverEvent,
  ResolverMemory,
  ResolverStats,
  TableFacts,
} from '../domain/resolver-protocol.ts';
import type { RouteChange, RouteTable } from '../domain/route.ts';
import { request } from '../system/node-http.ts';

/**
 * The orchestrator's client of one resolver. Every call may be repeated, and throws `unavailable` when the resolver
 * does not answer.
 */
export interface ResolverClient {
  /** For log lines. */
  readonly name: string;
  /** The version of the table in use. */
  table(signal?: AbortSignal): Promise<TableFacts>;
  /** Puts the table in use, unless the resolver has one that is not older. Tried once. */
  publish(table: RouteTable, signal?: AbortSignal): Promise<TableAnswer>;
  /** Changes the table in use, unless that has another version than `change.from`. Tried once. */
  change(change: RouteChange, signal?: AbortSignal): Promise<TableAnswer>;
  /**
   * Sends nothing more to these instances. Resolves when nothing is in flight on them, or after `timeoutMs` with what
   * is left. The signal ends the wait with `cancelled`; the instances still get nothing more.
   */
  drain(instanceIds: readonly string[], timeoutMs: number, signal?: AbortSignal): Promise<DrainLeft>;
  stats(signal?: AbortSignal): Promise<ResolverStats>;
  memory(signal?: AbortSignal): Promise<ResolverMemory>;
  /** Every request worth a log line, until the signal aborts. Reconnects automatically, with `connected` each time. */
  events(signal: AbortSignal): AsyncIterable<ResolverEvent>;
  /**
   * `connected` each time the resolver becomes reachable, `gone` when it no longer is. Takes no events away from
   * `events`.
   */
  presence(signal: AbortSignal): AsyncIterable<ResolverPresence>;
}

export interface TableAnswer {
  readonly taken: boolean;
  /** The version of the table in use now. */
  readonly version: number;
}

export type ResolverPresence =
  | { readonly type: 'connected'; readonly bootId: string; readonly version: number }
  | { readonly type: 'gone' };

export interface ResolverClientOptions {
  /**
   * How long a call is retried before it throws `unavailable`: the launcher restarts a dead resolver within this time.
   */
  readonly patienceMs?: number;
  /** Limit for the answer to a call that has nothing to wait for. */
  readonly answerMs?: number;
  /** Limit for the answer to new routes. A resolver that takes longer counts as unreachable. */
  readonly takeMs?: number;
}

const retryEveryMs = 50;

interface Call {
  readonly method: 'GET' | 'PUT' | 'POST';
  readonly path: string;
  readonly body?: string;
  readonly answerMs: number;
  /** How long the call is retried. */
  readonly patienceMs: number;
  readonly signal: AbortSignal | undefined;
}

interface Answer {
  readonly status: number;
  readonly text: string;
}

export function createResolverClient(socketPath: string, options: ResolverClientOptions = {}): ResolverClient {
  const { patienceMs = 5_000, answerMs = 10_000, takeMs = 3_000 } = options;

  async function call<T>(method: Call['method'], path: string, rest: Partial<Call> = {}): Promise<[number, T]> {
    const wanted = { method, path, answerMs, patienceMs, signal: undefined, ...rest };
    const { status, text } = await retry(() => exchange(socketPath, wanted), wanted.patienceMs, rest.signal);
    if (status !== 200 && status !== 409) {
      throw new PlatformError(
        'internal',
        `The resolver answered ${status} to ${method} ${path}: ${text.slice(0, 200)}`,
      );
    }
    return [status, JSON.parse(text) as T];
  }

  async function take(
    { method, path }: Pick<Call, 'method' | 'path'>,
    routes: RouteTable | RouteChange,
    signal?: AbortSignal,
  ): Promise<TableAnswer> {
    const rest = { body: JSON.stringify(routes), patienceMs: 0, answerMs: takeMs, ...withSignal(signal) };
    const [status, { version }] = await call<TableFacts>(method, path, rest);
    return { taken: status === 200, version };
  }

  /** Streams events, `connected` first, and reconnects when the stream ends, with a null in between. */
  async function* listen(path: string, signal: AbortSignal): AsyncGenerator<ResolverEvent | null> {
    while (!signal.aborted) {
      try {
        const answer = await open(socketPath, { method: 'GET', path, answerMs, signal });
        for await (const line of linesOf(answer)) yield JSON.parse(line) as ResolverEvent;
      } catch {
        // The resolver is down, or was replaced in the middle of a line. The next `connected` says all that matters.
      }
      yield null;
      await pause(retryEveryMs, signal);
    }
  }

  async function* events(signal: AbortSignal): AsyncGenerator<ResolverEvent> {
    for await (const event of listen('/events', signal)) if (event) yield event;
  }

  async function* presence(signal: AbortSignal): AsyncGenerator<ResolverPresence> {
    let isConnected = false;
    for await (const event of listen('/events?presence=1', signal)) {
      if (event?.type === 'connected') yield event;
      else if (isConnected) yield { type: 'gone' };
      isConnected = event?.type === 'connected';
    }
  }

  return {
    name: socketPath,
    table: async (signal) => (await call<TableFacts>('GET', '/table', withSignal(signal)))[1],
    publish: (table, signal) => take({ method: 'PUT', path: '/table' }, table, signal),
    change: (change, signal) => take({ method: 'POST', path: '/changes' }, change, signal),
    async drain(instanceIds, timeoutMs, signal) {
      const body = JSON.stringify({ instanceIds, timeoutMs });
      return (
        await call<DrainLeft>('POST', '/drain', { body, answerMs: timeoutMs + answerMs, ...withSignal(signal) })
      )[1];
    },
    stats: async (signal) => (await call<ResolverStats>('GET', '/stats', withSignal(signal)))[1],
    memory: async (signal) => (await call<ResolverMemory>('GET', '/memory', withSignal(signal)))[1],
    events,
    presence,
  };
}

function withSignal(signal: AbortSignal | undefined): Partial<Call> {
  return signal ? { signal } : {};
}

async function retry<T>(attempt: () => Promise<T>, patienceMs: number, signal: AbortSignal | undefined): Promise<T> {
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

/** Throws when the stream ends early. */
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

/** Resolves with the head of the answer. `answerMs` limits the wait for the head only. */
function open(
  socketPath: string,
  { method, path, body, answerMs, signal }: Omit<Call, 'patienceMs'>,
): Promise<IncomingMessage> {
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
