import { spawn } from 'node:child_process';
import { createServer, type Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import { listenOnOwnSocket } from './own-socket.ts';

/*
 * The link of one of the platform's programs: a unix socket at which a launcher watches it, whether it has started it or
 * found it running. A launcher writes one of these lines first:
 *
 *   watch    the answer is a line of JSON (LinkHello), and then a line `.` every `beatMs` while the program works
 *   socket   the answer is the public socket, as Node's IPC sends it
 */

export interface LinkHello {
  readonly pid: number;
  /** The argument that the program was started with. It differs for another version, and for other settings. */
  readonly identity: string;
  readonly facts: ReadyFacts;
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
  readonly facts: () => ReadyFacts;
  /** The public socket that the program inherited. */
  readonly socketFd: number | null;
  /** Called once, when no launcher watches and none could find this program any more: its home or its link is gone. */
  readonly forsaken: () => void;
  readonly lookEveryMs?: number;
}

export const linkRequests = { watch: 'watch\n', socket: 'socket\n' } as const;
const beatMs = 250;
const maxUnreadBytes = 4_096;
const passerMs = 10_000;

/**
 * Opens the link. To be called when the program is ready, since a launcher expects beats from then on. Returns a
 * function that closes it, to be called before the program ends in order: no launcher shall adopt it any more.
 */
export async function openProgramLink(options: LinkOptions): Promise<() => void> {
  const { path, identity, facts, socketFd, forsaken, lookEveryMs = 5_000 } = options;
  const launchers = new Set<Socket>();
  const server = createServer((connection) => {
    connection.on('error', () => connection.destroy());
    connection.once('data', (request) => {
      if (String(request) === linkRequests.socket && socketFd !== null) return passSocket(connection, socketFd);
      if (String(request) !== linkRequests.watch) return connection.destroy();
      const hello: LinkHello = { pid: process.pid, identity, facts: facts() };
      connection.write(`${JSON.stringify(hello)}\n`);
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
  const look = setInterval(() => {
    if (launchers.size > 0 || own.isCurrent()) return;
    clearInterval(look);
    forsaken();
  }, lookEveryMs);
  beat.unref();
  look.unref();
  return () => {
    clearInterval(beat);
    clearInterval(look);
    server.close();
    for (const launcher of launchers) launcher.destroy();
  };
}

/** A program of the platform gets its identity and the descriptor of the public socket as arguments. */
export function programArguments(args = process.argv.slice(2)): Pick<LinkOptions, 'identity' | 'socketFd'> {
  const [identity = '', fd] = args;
  return { identity, socketFd: fd === undefined ? null : Number(fd) };
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
