import { mkdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { paths } from '../config/paths.ts';
import { PlatformError } from '../domain/errors.ts';
import { overwriteIfPossible, writeWholeSync } from '../system/durable-file-sync.ts';
import { describeProcess, isRunning, type RunningProcess } from './running-process.ts';

/** After a failed write of the file. */
const writeAgainMs = 5000;

/** The processes that run the platform of a PAAS_HOME. */
export interface LockHolder {
  readonly launcher: RunningProcess;
  readonly startedAt: string;
  /** Programs that the launcher started, by name. A launcher that is killed leaves them behind. */
  readonly programs: Readonly<Record<string, RunningProcess>>;
}

export function lockPath(home: string): string {
  return join(paths(home).run, 'launcher.json');
}

/** The content of the lock file, whether or not the launcher is alive. Null when there is no valid file. */
export function readLock(home: string): LockHolder | null {
  try {
    const content: unknown = JSON.parse(readFileSync(lockPath(home), 'utf8'));
    return isHolder(content) ? content : null;
  } catch {
    return null;
  }
}

function isHolder(content: unknown): content is LockHolder {
  const { launcher, startedAt, programs } = (content ?? {}) as Partial<Record<keyof LockHolder, unknown>>;
  if (!isProcess(launcher) || typeof startedAt !== 'string') return false;
  return typeof programs === 'object' && programs !== null && Object.values(programs).every(isProcess);
}

function isProcess(content: unknown): content is RunningProcess {
  const { pid, startTicks } = (content ?? {}) as Partial<Record<keyof RunningProcess, unknown>>;
  return Number.isInteger(pid) && (startTicks === null || typeof startTicks === 'string');
}

/** The launcher that runs the platform of this PAAS_HOME now; null when none does. */
export function runningLauncher(home: string): LockHolder | null {
  const holder = readLock(home);
  return holder && isRunning(holder.launcher) ? holder : null;
}

/**
 * Allows one launcher per PAAS_HOME. The lock is a listening socket, which the kernel closes however the process ends.
 * The file beside it only names the holder. (A file alone cannot lock: two launchers that find a dead one's file could
 * each remove the file of the other.)
 */
export class LauncherLock {
  readonly #home: string;
  readonly #claim: Server;
  readonly #startedAt = new Date().toISOString();
  #retry: NodeJS.Timeout | undefined;
  /** Programs of a launcher that was killed, by name. They go on without it. */
  readonly left: Readonly<Record<string, RunningProcess>>;

  private constructor(home: string, claim: Server, left: Readonly<Record<string, RunningProcess>>) {
    this.#home = home;
    this.#claim = claim;
    this.left = left;
  }

  /** Throws `conflict` with the holder's process id. */
  static async acquire(home: string): Promise<LauncherLock> {
    mkdirSync(paths(home).run, { recursive: true, mode: 0o700 });
    const claim = await claimHome(home);
    const before = readLock(home);
    // Launchers in different network namespaces do not see each other's sockets, but share the file.
    if (!claim || (before && isRunning(before.launcher) && before.launcher.pid !== process.pid)) {
      claim?.close();
      throw alreadyRunning(home, before);
    }
    const left = Object.entries(before?.programs ?? {}).filter(([, program]) => isRunning(program));
    const lock = new LauncherLock(home, claim, Object.fromEntries(left));
    lock.writePrograms(Object.fromEntries(left.map(([name, { pid }]) => [name, pid])));
    return lock;
  }

  /**
   * Stores the running programs (name to process id), for the next launcher if this one is killed. On a disk
   * that takes no new file, the old one is written over, or stays as it was: the next launcher still finds every program
   * that answers.
   */
  writePrograms(programs: Readonly<Record<string, number>>): void {
    const described = Object.entries(programs).map(([name, pid]) => [name, describeProcess(pid)]);
    const content: LockHolder = {
      launcher: describeProcess(process.pid),
      startedAt: this.#startedAt,
      programs: Object.fromEntries(described),
    };
    clearTimeout(this.#retry);
    try {
      // Not durable: after a power cut none of these processes runs.
      writeWholeSync(lockPath(this.#home), JSON.stringify(content), { durable: false });
    } catch {
      // The socket is the lock. The file only names the programs, and a full disk must not end them.
      overwriteIfPossible(lockPath(this.#home), JSON.stringify(content));
      this.#retry = setTimeout(() => this.writePrograms(programs), writeAgainMs).unref();
    }
  }

  release(): void {
    clearTimeout(this.#retry);
    try {
      rmSync(lockPath(this.#home), { force: true });
    } catch {
      // The next launcher sees that this process is gone.
    }
    this.#claim.close();
  }
}

/**
 * Listens on an abstract socket, which leaves nothing on the disk. Null when another process has it. The name is made
 * of the folder's device and inode, because a container may have another folder at the same path.
 */
function claimHome(home: string): Promise<Server | null> {
  const { dev, ino } = statSync(paths(home).run);
  return new Promise((resolve, reject) => {
    const server = createServer((connection) => connection.destroy());
    server.once('error', (error: NodeJS.ErrnoException) =>
      error.code === 'EADDRINUSE' ? resolve(null) : reject(error),
    );
    server.listen(`\0paas-launcher-${dev}-${ino}`, () => resolve(server.unref()));
  });
}

function alreadyRunning(home: string, holder: LockHolder | null): PlatformError {
  const since = holder?.startedAt.slice(0, 19).replace('T', ' ');
  return new PlatformError(
    'conflict',
    `The platform in ${home} is already running${holder ? `: process ${holder.launcher.pid}, since ${since} UTC` : ''}.`,
    { hint: 'Stop it with paas platform:stop, or start another one with a PAAS_HOME and ports of its own.' },
  );
}
