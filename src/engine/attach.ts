import { once } from 'node:events';
import { type Duplex, PassThrough, Writable } from 'node:stream';
import type { AttachedStreams } from '../domain/engine.ts';
import type { Connection } from './connection.ts';
import type { InspectedContainer } from './container-state.ts';
import { frames } from './streams.ts';

/** Throws `not_found`. The streams never emit an error: they end, and `wait` tells how the container did. */
export async function attach(connection: Connection, id: string, signal: AbortSignal): Promise<AttachedStreams> {
  const path = `/containers/${encodeURIComponent(id)}`;
  const what = `attach to container ${id}`;
  const { Config: config } = await connection.request<InspectedContainer>({
    method: 'GET',
    path: `${path}/json`,
    what,
  });
  const socket = await connection.hijack({
    method: 'POST',
    path: `${path}/attach`,
    query: { stream: true, stdin: config.OpenStdin, stdout: true, stderr: true },
    what,
    signal,
  });
  const stdout = new PassThrough();
  const stderr = new PassThrough();
  void deliver(socket, { stdout, stderr, multiplexed: !config.Tty });
  return { stdin: inputOf(socket), stdout, stderr };
}

/** Ending it half-closes the connection, which the engine turns into the end of the process's standard input. */
function inputOf(socket: Duplex): Writable {
  // The process may be gone while its user still types: what arrives then is dropped, and is nobody's error.
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

async function deliver(socket: Duplex, { stdout, stderr, multiplexed }: Outputs): Promise<void> {
  try {
    if (multiplexed) {
      for await (const { stream, payload } of frames(socket))
        await write(stream === 'stdout' ? stdout : stderr, payload);
    } else {
      for await (const chunk of socket) await write(stdout, chunk);
    }
  } catch {
    // Detached, or the engine went away: the end of the streams says all there is to say.
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
