import { chmod, chown, rm } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { z } from 'zod';
import { PlatformError } from '../domain/errors.ts';
import type { Logger } from '../system/logger.ts';
import type { GitUser } from './git-user.ts';
import { parseRefUpdates, type RefUpdate } from './ref-update.ts';

/** A hook's question: may these refs move? */
export interface HookRequest {
  readonly updates: readonly RefUpdate[];
  /** False when the list was cut off at 256 KiB. */
  readonly isWhole: boolean;
  /** Name of the folder with the push's objects, as the hook sent it. Empty for a push that only deletes. */
  readonly quarantine: string;
}

/** One hook that waits. Its output reaches the pusher's terminal through git's sideband. */
export interface HookConnection {
  readonly request: HookRequest;
  /** Prints one line. Drops it when the client has not taken the last 4 MiB. */
  print(line: string): void;
  /** Accepts or refuses the push. Only the first verdict counts. */
  decide(accepted: boolean): void;
  /** Aborts when the hook goes away before the verdict. */
  readonly gone: AbortSignal;
}

export interface HookListener {
  /** Takes the request of the push that has this one-use secret. False when there is none. */
  ask(secret: string, hook: HookConnection): boolean;
}

const requestMs = 10_000;
/** Holds many times a hundred refs, and not ten thousand. */
const requestBytes = 256 * 1024;
const stuckBytes = 4 * 1024 * 1024;
/** struct sockaddr_un. */
const socketPathBytes = 107;

const header = z.object({ push: z.string().min(1).max(128), quarantine: z.string().max(64) });

/**
 * The socket on which the hooks of all repositories ask for a verdict. Only git's user and root can connect. A
 * connection without the secret of a push that is under way is closed.
 */
export class HookSocket {
  readonly #path: string;
  readonly #listener: HookListener;
  readonly #logger: Logger;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  constructor({ path, listener, logger }: { path: string; listener: HookListener; logger: Logger }) {
    this.#path = path;
    this.#listener = listener;
    this.#logger = logger;
    this.#server = createServer((socket) => this.#serve(socket));
  }

  /** Throws `invalid_params` when the path has more than 107 bytes. */
  async listen(user: GitUser | null): Promise<void> {
    const bytes = Buffer.byteLength(this.#path);
    if (bytes > socketPathBytes) {
      throw new PlatformError(
        'invalid_params',
        `The socket ${this.#path} has a path of ${bytes} bytes, and ${socketPathBytes} is the limit.`,
        { hint: 'Set PAAS_HOME to a folder with a shorter path.' },
      );
    }
    await rm(this.#path, { force: true });
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(this.#path, () => resolve());
    });
    await chmod(this.#path, 0o660);
    if (user) await chown(this.#path, -1, user.gid);
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    if (!this.#server.listening) return;
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  #serve(socket: Socket): void {
    this.#sockets.add(socket);
    socket.once('close', () => this.#sockets.delete(socket));
    socket.on('error', () => {});
    const timer = setTimeout(() => socket.destroy(), requestMs);
    socket.once('close', () => clearTimeout(timer));
    let text = '';
    const read = (chunk: string) => {
      text += chunk;
      const isWhole = text.endsWith('\n\n');
      if (!isWhole && text.length <= requestBytes) return;
      clearTimeout(timer);
      socket.off('data', read);
      // The hook sends nothing more. Reading on only notices its end.
      socket.resume();
      this.#answer(socket, text, isWhole);
    };
    socket.setEncoding('utf8').on('data', read);
  }

  #answer(socket: Socket, text: string, isWhole: boolean): void {
    const end = text.indexOf('\n');
    let secret: string;
    let request: HookRequest;
    try {
      const { push, quarantine } = header.parse(JSON.parse(text.slice(0, end)));
      secret = push;
      const rows = isWhole ? text.slice(end + 1) : text.slice(end + 1, text.lastIndexOf('\n'));
      request = { quarantine, isWhole, updates: parseRefUpdates(rows) };
    } catch (error) {
      this.#logger.warn('A hook asked in an unknown form', { error });
      socket.destroy();
      return;
    }
    if (!this.#listener.ask(secret, connectionOf(socket, request))) {
      this.#logger.warn('A hook asked for a push that is not under way');
      socket.destroy();
    }
  }
}

function connectionOf(socket: Socket, request: HookRequest): HookConnection {
  const gone = new AbortController();
  let isDecided = false;
  socket.once('close', () => {
    if (!isDecided) gone.abort(new PlatformError('cancelled', 'The pushing client went away.'));
  });
  return {
    request,
    gone: gone.signal,
    print(line) {
      if (isDecided || socket.writableLength > stuckBytes) return;
      socket.write(`>${line.replaceAll('\n', ' ')}\n`);
    },
    decide(accepted) {
      if (isDecided) return;
      isDecided = true;
      socket.end(accepted ? '!0\n' : '!1\n');
    },
  };
}
