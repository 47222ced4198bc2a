import { mkdirSync, renameSync, rmSync, statSync } from 'node:fs';
import type { Server } from 'node:net';
import { dirname } from 'node:path';
import { PlatformError } from '../domain/errors.ts';

/** A unix socket of this process at a path that a later process may take over. */
export interface OwnSocket {
  /** Whether the path leads to this process. False when another has taken it over, or the path is gone. */
  isCurrent(): boolean;
}

/** The length of `sun_path` in unix(7), without the zero at its end. */
const maxSocketPathBytes = 107;

/**
 * Listens at `path`, for its owner only. Takes the path over from a process that still listens there: its open
 * connections go on, new ones come here. Throws `invalid_params` when the path is too long.
 */
export async function listenOnOwnSocket(server: Server, path: string): Promise<OwnSocket> {
  // At the end a server removes the path at which it began to listen, which must not be the next one's.
  const own = `${path}.${process.pid}`;
  if (Buffer.byteLength(own) > maxSocketPathBytes) {
    throw new PlatformError(
      'invalid_params',
      `${own} is longer than the ${maxSocketPathBytes} bytes that a socket's path may have.`,
      { hint: 'Choose a shorter PAAS_HOME.' },
    );
  }
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  rmSync(own, { force: true });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    const mask = process.umask(0o177);
    server.listen(own, resolve);
    process.umask(mask);
  });
  renameSync(own, path);
  const { ino } = statSync(path);
  return { isCurrent: () => statSync(path, { throwIfNoEntry: false })?.ino === ino };
}
