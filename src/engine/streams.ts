import type { Readable } from 'node:stream';

export interface Frame {
  readonly stream: 'stdout' | 'stderr';
  readonly payload: Buffer;
}

const headerBytes = 8;

/**
 * The frames of the engine's multiplexed stream: one byte with the stream's number, three zero bytes, four bytes of length,
 * then the payload (Engine API, "Stream format"). Reads on demand, so that a slow reader slows the sender down.
 */
export async function* frames(source: AsyncIterable<Buffer>): AsyncGenerator<Frame> {
  let pending: Buffer = Buffer.alloc(0);
  for await (const chunk of source) {
    pending = pending.length === 0 ? chunk : Buffer.concat([pending, chunk]);
    let at = 0;
    while (pending.length - at >= headerBytes) {
      const end = at + headerBytes + pending.readUInt32BE(at + 4);
      if (end > pending.length) break;
      yield { stream: pending[at] === 2 ? 'stderr' : 'stdout', payload: pending.subarray(at + headerBytes, end) };
      at = end;
    }
    pending = pending.subarray(at);
  }
}

/** The JSON values of a stream with one value per line. Throws SyntaxError for an invalid line. */
export async function* jsonLines(source: Readable): AsyncGenerator<unknown> {
  for await (const line of lines(source)) {
    if (line.length > 0) yield JSON.parse(line.toString('utf8'));
  }
}

/** Lines without their newlines. A last line that lacks one is left out if `last` is `terminated`. */
export async function* lines(
  source: AsyncIterable<Buffer>,
  { last }: { readonly last: 'any' | 'terminated' } = { last: 'any' },
): AsyncGenerator<Buffer> {
  let parts: Buffer[] = [];
  for await (const chunk of source) {
    let from = 0;
    for (let end = chunk.indexOf(0x0a); end !== -1; end = chunk.indexOf(0x0a, from)) {
      parts.push(chunk.subarray(from, end));
      yield parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts);
      parts = [];
      from = end + 1;
    }
    if (from < chunk.length) parts.push(chunk.subarray(from));
  }
  if (parts.length > 0 && last === 'any') yield Buffer.concat(parts);
}
