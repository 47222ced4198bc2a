import { once } from 'node:events';
import type { ServerResponse } from 'node:http';

/** Writes, and waits while the client is slow. Does nothing when the client is gone. */
export async function write(response: ServerResponse, text: string): Promise<void> {
  if (response.destroyed || response.write(text)) return;
  const waiting = new AbortController();
  const { signal } = waiting;
  await Promise.race([once(response, 'drain', { signal }), once(response, 'close', { signal })]).finally(() =>
    waiting.abort(),
  );
}

/** Yields until the signal aborts. Ignores errors of the source after that. */
export async function* until<T>(signal: AbortSignal, source: AsyncIterable<T>): AsyncIterable<T> {
  try {
    for await (const value of source) {
      if (signal.aborted) return;
      yield value;
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}
