import { mkdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { paths } from '../config/paths.ts';
import { PlatformError } from '../domain/errors.ts';
import { writeWholeSync } from '../system/durable-file-sync.ts';
import { describeProcess, isRunning, type RunningProcess } from './running-process.ts';

/** Who runs the platform of a PAAS_HOME. */
export interface LockHolder {
  readonly launcher: RunningProcess;
  readonly startedAt: string;
  /** Programs that it started, by name: a launcher that was killed leaves them behind. */
  readonly programs: Readonly<Record<string, RunningProcess>>;
}

export function lockPath(home: string): string {
  return join(paths(home).run, 'launcher.json');
}

/** What the lock file says, be the launcher alive or not; null when there is none. */
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
 * One launcher per PAAS_HOME. What locks is a listening socket that the kernel closes however the process ends; the file
 * beside it only says who it is. (A file alone cannot lock: of two that find a dead one's, each could remove the other's.)
 */
export class LauncherLock {
  readonly #home: string;
  readonly #claim: Server;
  readonly #startedAt = new Date().toISOString();
  /** Programs of a launcher that was killed before it could end them. */
  readonly orphans: readonly RunningProcess[];

  private constructor(home: string, claim: Server, orphans: readonly RunningProcess[]) {
    this.#home = home;
    this.#claim = claim;
    this.orphans = orphans;
  }

  /** Throws `conflict`, naming the one who has it. */
  static async acquire(home: string): Promise<LauncherLock> {
    mkdirSync(paths(home).run, { recursive: true, mode: 0o700 });
    const claim = await claimHome(home);
    const before = readLock(home);
    // Another network namespace has sockets of its own; the file is common.
    if (!claim || (before && isRunning(before.launcher) && before.launcher.pid !== process.pid)) {
      claim?.close();
      throw alreadyRunning(home, before);
    }
    const lock = new LauncherLock(home, claim, Object.values(before?.programs ?? {}).filter(isRunning));
    lock.writePrograms({});
    return lock;
  }

  /** Remembers what is to be ended when this launcher cannot do it any more. */
  writePrograms(programs: Readonly<Record<string, number>>): void {
    const described = Object.entries(programs).map(([name, pid]) => [name, describeProcess(pid)]);
    const content: LockHolder = {
      launcher: describeProcess(process.pid),
      startedAt: this.#startedAt,
      programs: Object.fromEntries(described),
    };
    // After a power cut nothing runs that it could name.
    writeWholeSync(lockPath(this.#home), JSON.stringify(content), { durable: false });
  }

  release(): void {
    rmSync(lockPath(this.#home), { force: true });
    this.#claim.close();
  }
}

/**
 * Null when another process has it. A name in the kernel's own space, so that nothing is left on the disk; made of what
 * the folder is and not of its path, which may be another folder in a container.
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
    `The platform in ${home} is running already${holder ? `: process ${holder.launcher.pid}, since ${since} UTC` : ''}.`,
    { hint: 'Stop it with paas platform:stop, or start another one with a PAAS_HOME and ports of its own.' },
  );
}
