import { once } from 'node:events';
import { type Duplex, PassThrough, Writable } from 'node:stream';
import type { AttachedStreams } from '../domain/exec.ts';
import { frames } from './streams.ts';

export interface Stdio {
  /** The streams never emit an error: they end. */
  readonly streams: AttachedStreams;
  /** Resolves when they end, with null or the error that broke the connection. */
  readonly ended: Promise<unknown>;
}

/** A process's standard streams over a hijacked connection. Without a terminal its outputs come in frames. */
export function stdioOf(socket: Duplex, { multiplexed }: { readonly multiplexed: boolean }): Stdio {
  const stdout = new PassThrough();
  const stderr = new PassThrough();
  const ended = deliver(socket, { stdout, stderr, multiplexed });
  return { streams: { stdin: inputOf(socket), stdout, stderr }, ended };
}

/** Its end half-closes the connection. The engine then ends the process's standard input. */
function inputOf(socket: Duplex): Writable {
  // The process may end while its user still types. Such input is dropped; it is no error.
  return new Writable({
    write(chunk, _encoding, done) {
      socket.write(chunk, () => done());
    },
    final(done) {
      socket.end(() => done());
    },
  });
}

interface Outputs {
  readonly stdout: PassThrough;
  readonly stderr: PassThrough;
  readonly multiplexed: boolean;
}

async function deliver(socket: Duplex, { stdout, stderr, multiplexed }: Outputs): Promise<unknown> {
  try {
    if (multiplexed) {
      for await (const { stream, payload } of frames(socket))
        await write(stream === 'stdout' ? stdout : stderr, payload);
    } else {
      for await (const chunk of socket) await write(stdout, chunk);
    }
    return null;
  } catch (error) {
    return error;
  } finally {
    stdout.end();
    stderr.end();
    socket.destroy();
  }
}

async function write(target: PassThrough, chunk: Buffer): Promise<void> {
  if (target.destroyed || target.write(chunk)) return;
  const settled = new AbortController();
  try {
    await Promise.race([once(target, 'drain', settled), once(target, 'close', settled)]);
  } finally {
    settled.abort();
  }
}
