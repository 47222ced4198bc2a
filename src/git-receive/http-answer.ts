import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Readable } from 'node:stream';

const never = { Expires: 'Fri, 01 Jan 1980 00:00:00 GMT', Pragma: 'no-cache' };
const readBytes = 64 * 1024;

/**
 * Refuses a request. git shows the text of a 4xx to its user when it is text/plain and answers the first request of a
 * push (`GET info/refs`). Later git shows the status only.
 */
export function refuse(
  req: IncomingMessage,
  res: ServerResponse,
  { status, text, headers = {} }: { status: number; text: string; headers?: Readonly<Record<string, string>> },
): void {
  if (res.headersSent || res.destroyed) {
    res.destroy();
    return;
  }
  // Of a stranger nothing is read.
  const isKnown = status !== 401 && status !== 429;
  const hasSmallBody = req.headers['transfer-encoding'] === undefined && contentLength(req) <= readBytes;
  if (isKnown && hasSmallBody) req.resume();
  res.writeHead(status, {
    ...never,
    ...headers,
    'Cache-Control': 'no-cache, max-age=0, must-revalidate',
    'Content-Type': 'text/plain; charset=utf-8',
    // The rest of a large body would be read for nothing.
    ...(isKnown && hasSmallBody ? {} : { Connection: 'close' }),
  });
  res.end(`${text}\n`);
}

export function contentLength(req: IncomingMessage): number {
  return Number(req.headers['content-length'] ?? 0);
}

export interface RelayOptions {
  readonly contentType: string;
  /** Bytes to send before git's first byte. */
  readonly prefix: () => Buffer | null;
  readonly stallMs: number;
}

/**
 * Copies git's output to the client, each chunk as it comes. The status is sent with the first chunk, so that another
 * status can still be sent when git fails at once. Reads on when the client is gone, because git must be able to end.
 * Resolves at the end of git's output.
 */
export async function relay(from: Readable, res: ServerResponse, options: RelayOptions): Promise<void> {
  for await (const chunk of from) {
    if (res.destroyed) continue;
    if (!res.headersSent) {
      res.writeHead(200, {
        ...never,
        'Cache-Control': 'no-cache, max-age=0, must-revalidate',
        'Content-Type': options.contentType,
      });
      const prefix = options.prefix();
      if (prefix) res.write(prefix);
    }
    if (!res.write(chunk)) await drained(res, options.stallMs);
  }
}

/** Resolves when the client takes data again. Cuts a client off that takes none for `stallMs`. */
async function drained(res: ServerResponse, stallMs: number): Promise<void> {
  const over = new AbortController();
  const timer = setTimeout(() => res.destroy(), stallMs);
  const { signal } = over;
  await Promise.race([once(res, 'drain', { signal }), once(res, 'close', { signal })]).catch(() => {});
  clearTimeout(timer);
  over.abort();
}
