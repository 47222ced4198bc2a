import { spawn } from 'node:child_process';
import { createServer, type Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import { listenOnOwnSocket } from './own-socket.ts';

/*
 * The link of one of the platform's programs: a unix socket at which a launcher watches it, whether it has started it or
 * found it running. A launcher writes one of these lines first:
 *
 *   watch    the answer is a line of JSON (LinkHello), another one when the program is ready, and a line `.` every
 *            `beatMs` while the program works
 *   socket   the answer is the public socket, as Node's IPC sends it
 */

export interface LinkHello {
  readonly pid: number;
  /** The argument that the program was started with. It differs for another version, and for other settings. */
  readonly identity: string;
  /** Null while the program starts. */
  readonly facts: ReadyFacts | null;
}

/** What a launcher wants to know of a program that is ready. */
export interface ReadyFacts {
  /** From the orchestrator: the port of the API, also when the setting was 0. */
  readonly apiPort?: number;
  /** From the resolver: the public address. */
  readonly address?: { readonly host: string; readonly port: number };
  /** From the resolver: the number of routes that it has saved. */
  readonly routes?: number;
}

export interface LinkOptions {
  readonly path: string;
  readonly identity: string;
  /** The public socket that the program inherited. */
  readonly socketFd: number | null;
  /** Called once, when no launcher watches and none could find this program any more: its home or its link is gone. */
  readonly forsaken: () => void;
  readonly lookEveryMs?: number;
}

export interface ProgramLink {
  /** To be called when the program is ready: a launcher expects beats from then on. */
  ready(facts: () => ReadyFacts): void;
  /** To be called before the program ends in order: no launcher shall adopt it any more. */
  close(): void;
}

export const linkRequests = { watch: 'watch\n', socket: 'socket\n' } as const;
const beatMs = 250;
const maxUnreadBytes = 4_096;
const passerMs = 10_000;

/**
 * Opens the link. To be called before the program loads what it consists of, so that a launcher which comes meanwhile finds
 * it, and gets the socket.
 */
export async function openProgramLink(options: LinkOptions): Promise<ProgramLink> {
  const { path, identity, socketFd, forsaken, lookEveryMs = 5_000 } = options;
  const launchers = new Set<Socket>();
  let factsNow: () => ReadyFacts | null = () => null;
  const greet = (launcher: Socket) => {
    const hello: LinkHello = { pid: process.pid, identity, facts: factsNow() };
    launcher.write(`${JSON.stringify(hello)}\n`);
  };
  const server = createServer((connection) => {
    connection.on('error', () => connection.destroy());
    connection.once('data', (request) => {
      if (String(request) === linkRequests.socket && socketFd !== null) return passSocket(connection, socketFd);
      if (String(request) !== linkRequests.watch) return connection.destroy();
      greet(connection);
      launchers.add(connection);
      connection.on('close', () => launchers.delete(connection));
    });
  });
  const own = await listenOnOwnSocket(server, path);
  server.on('error', () => undefined);
  server.unref();
  const beat = setInterval(() => {
    // A launcher that does not read costs no memory.
    for (const launcher of launchers) if (launcher.writableLength < maxUnreadBytes) launcher.write('.\n');
  }, beatMs);
  // Twice, because a successor that takes the link over is not ready at once.
  let hasLooked = false;
  const look = setInterval(() => {
    const isForsaken = launchers.size === 0 && !own.isCurrent();
    if (isForsaken && hasLooked) {
      clearInterval(look);
      forsaken();
    }
    hasLooked = isForsaken;
  }, lookEveryMs);
  beat.unref();
  look.unref();
  return {
    ready(facts) {
      factsNow = facts;
      for (const launcher of launchers) greet(launcher);
    },
    close() {
      clearInterval(beat);
      clearInterval(look);
      server.close();
      for (const launcher of launchers) launcher.destroy();
    },
  };
}

/** The link of a program that a launcher started, by its arguments: path, identity and descriptor of the public socket. */
export async function openOwnLink(
  args = process.argv.slice(2),
): Promise<ProgramLink & { readonly socketFd: number | null }> {
  const [path, identity = '', fd] = args;
  const socketFd = fd === undefined ? null : Number(fd);
  if (path === undefined) return { socketFd, ready: () => undefined, close: () => undefined };
  const forsaken = () => process.kill(process.pid, 'SIGTERM');
  return { socketFd, ...(await openProgramLink({ path, identity, socketFd, forsaken })) };
}

const passer = fileURLToPath(new URL('./socket-passer.ts', import.meta.url));

/** Only a process whose IPC channel is the connection can send a descriptor over it, so one is started. */
function passSocket(connection: Socket, socketFd: number): void {
  connection.pause();
  const child = spawn(process.execPath, [passer], {
    stdio: ['ignore', 'ignore', 'ignore', connection, socketFd],
    env: { NODE_CHANNEL_FD: '3' },
    signal: AbortSignal.timeout(passerMs),
    killSignal: 'SIGKILL',
  });
  child.on('error', () => undefined);
  connection.destroy();
}
