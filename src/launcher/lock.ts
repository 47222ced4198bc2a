import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { paths } from '../config.ts';
import { PlatformError } from '../domain/errors.ts';
import { describeProcess, isRunning, type RunningProcess } from './running-process.ts';

const processSchema = z.object({ pid: z.number().int(), startTicks: z.string().nullable() });
const schema = z.object({
  launcher: processSchema,
  startedAt: z.string(),
  /** Programs that it started, by name: a launcher that was killed leaves them behind. */
  programs: z.record(z.string(), processSchema),
});

/** Who runs the platform of a PAAS_HOME. */
export type LockHolder = z.infer<typeof schema>;

export function lockPath(home: string): string {
  return join(paths(home).run, 'launcher.json');
}

/** What the lock file says, be the launcher alive or not; null when there is none. */
export function readLock(home: string): LockHolder | null {
  try {
    const parsed = schema.safeParse(JSON.parse(readFileSync(lockPath(home), 'utf8')));
    return parsed.success ? parsed.data : null;
  } catch {
    return null;
  }
}

/** The launcher that runs the platform of this PAAS_HOME now; null when none does. */
export function runningLauncher(home: string): LockHolder | null {
  const holder = readLock(home);
  return holder && isRunning(holder.launcher) ? holder : null;
}

/** One launcher per PAAS_HOME. Held until `release`, or until the process ends in whatever way. */
export class LauncherLock {
  readonly #home: string;
  readonly #startedAt = new Date().toISOString();
  /** Programs of a launcher that was killed before it could end them. */
  readonly orphans: readonly RunningProcess[];

  private constructor(home: string, orphans: readonly RunningProcess[]) {
    this.#home = home;
    this.orphans = orphans;
  }

  /** Throws `conflict`, naming the one who has it. */
  static acquire(home: string): LauncherLock {
    mkdirSync(paths(home).run, { recursive: true, mode: 0o700 });
    const temporary = `${lockPath(home)}.${process.pid}`;
    const content = { launcher: describeProcess(process.pid), startedAt: new Date().toISOString(), programs: {} };
    writeFileSync(temporary, JSON.stringify(content), { mode: 0o600 });
    const before = readLock(home);
    try {
      for (;;) {
        try {
          // A link and not a rename: of two that start at once, one must lose.
          linkSync(temporary, lockPath(home));
          break;
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
          const holder = runningLauncher(home);
          if (holder) throw alreadyRunning(home, holder);
          rmSync(lockPath(home), { force: true });
        }
      }
    } finally {
      unlinkSync(temporary);
    }
    return new LauncherLock(home, Object.values(before?.programs ?? {}).filter(isRunning));
  }

  /** Remembers what is to be ended when this launcher cannot do it any more. */
  record(programs: Readonly<Record<string, number>>): void {
    const described = Object.entries(programs).map(([name, pid]) => [name, describeProcess(pid)]);
    const content: LockHolder = {
      launcher: describeProcess(process.pid),
      startedAt: this.#startedAt,
      programs: Object.fromEntries(described),
    };
    const temporary = `${lockPath(this.#home)}.${process.pid}`;
    writeFileSync(temporary, JSON.stringify(content), { mode: 0o600 });
    renameSync(temporary, lockPath(this.#home));
  }

  release(): void {
    if (readLock(this.#home)?.launcher.pid === process.pid) rmSync(lockPath(this.#home), { force: true });
  }
}

function alreadyRunning(home: string, holder: LockHolder): PlatformError {
  const since = holder.startedAt.slice(0, 19).replace('T', ' ');
  return new PlatformError(
    'conflict',
    `The platform in ${home} is running already: process ${holder.launcher.pid}, since ${since} UTC.`,
    { hint: 'Stop it with paas platform:stop, or start another one with a PAAS_HOME and ports of its own.' },
  );
}
