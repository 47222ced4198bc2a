import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { createServer } from 'node:net';
import { basename } from 'node:path';
import { environmentName } from '../config/setting-names.ts';
import type { Settings } from '../config/settings.ts';
import { PlatformError } from '../domain/errors.ts';

export interface WantedPort {
  readonly setting: string;
  readonly host: string;
  readonly port: number;
}

/** Throws `conflict` when the API's port is taken, with its holder and the setting that changes it. */
export async function requireFreeApiPort({ apiPort }: Pick<Settings, 'apiPort'>): Promise<void> {
  if (apiPort === 0) return;
  const wanted = { setting: environmentName('api_port'), host: '127.0.0.1', port: apiPort };
  const code = await tryListen(wanted.host, wanted.port);
  if (code !== null) throw portConflict(code, wanted);
}

/** The error for a port that could not be opened, by the code of the system's error. */
export function portConflict(code: string, { setting, host, port }: WantedPort): PlatformError {
  const change = `Choose another with ${setting}, for example ${setting}=${port + 100} npm start`;
  if (code === 'EADDRINUSE') {
    const holder = portHolder(port);
    const who = holder ? `${holder.command} (process ${holder.pid})` : 'another program';
    return new PlatformError('conflict', `Port ${port} on ${host} is taken by ${who}.`, { hint: `${change}.` });
  }
  if (code === 'EACCES') {
    return new PlatformError('forbidden', `Only root may use port ${port}.`, { hint: `Run as root, or: ${change}.` });
  }
  return new PlatformError('invalid_params', `The platform cannot listen on ${host}, port ${port}: ${code}.`, {
    hint: `${change}; the address is ${environmentName('bind')}.`,
  });
}

/** Null when listening worked, else the error's code. */
function tryListen(host: string, port: number): Promise<string | null> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(null)));
  });
}

export interface PortHolder {
  readonly pid: number;
  readonly command: string;
}

/** The process that listens on this TCP port. Null when it cannot be found: another user's process, or no Linux. */
export function portHolder(port: number): PortHolder | null {
  const inodes = new Set(['/proc/net/tcp', '/proc/net/tcp6'].flatMap((path) => listeningInodes(read(path), port)));
  if (inodes.size === 0) return null;
  for (const pid of list('/proc').filter((name) => /^\d+$/.test(name))) {
    const sockets = list(`/proc/${pid}/fd`).map((fd) => /^socket:\[(\d+)\]$/.exec(link(`/proc/${pid}/fd/${fd}`))?.[1]);
    if (!sockets.some((inode) => inode !== undefined && inodes.has(inode))) continue;
    return { pid: Number(pid), command: commandOf(pid) };
  }
  return null;
}

/** The command up to its first word that is not an option, such as a script. Later words may be secret. */
function commandOf(pid: string): string {
  const [program = '', ...words] = read(`/proc/${pid}/cmdline`).split('\0').filter(Boolean);
  const end = words.findIndex((word) => !word.startsWith('-'));
  const shown = [basename(program), ...words.slice(0, end + 1).filter((word) => !word.includes('='))].join(' ');
  return shown.slice(0, 120) || read(`/proc/${pid}/comm`).trim() || 'a program';
}

/** Inodes of the sockets that listen on the port (state 0A), from the kernel's table. */
export function listeningInodes(table: string, port: number): readonly string[] {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  return table.split('\n').flatMap((line) => {
    const fields = line.trim().split(/\s+/);
    return fields[1]?.endsWith(suffix) && fields[3] === '0A' && fields[9] ? [fields[9]] : [];
  });
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

function list(path: string): readonly string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}

function link(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}
