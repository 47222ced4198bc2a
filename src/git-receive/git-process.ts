import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import type { Readable, Writable } from 'node:stream';
import { PlatformError } from '../domain/errors.ts';
import type { GitUser } from './git-user.ts';
import { processDataBytes } from './limits.ts';

/** The one owner of git processes: nothing else in this folder spawns, and nothing here goes through a shell. */
export interface GitProcessOptions {
  readonly args: readonly string[];
  /** The whole environment: the platform's own is never handed down. */
  readonly env: Readonly<Record<string, string>>;
  readonly user: GitUser | null;
  /** util-linux's prlimit, where the machine has it: an object that unpacks to gigabytes ends git, not the host. */
  readonly prlimit: boolean;
  readonly killGraceMs: number;
}

export interface GitExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

const stderrBytes = 8 * 1024;

/** One git command with all that it starts (index-pack, hooks …): a process group, ended as one. */
export class GitProcess {
  readonly stdin: Writable;
  readonly stdout: Readable;
  /** Resolves when the process has ended and its output was read. Rejects with `unavailable` when it cannot be started. */
  readonly exited: Promise<GitExit>;
  /** True once `end` was called while it ran. */
  isEnded = false;
  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>;
  readonly #killGraceMs: number;
  #stderr = '';
  #isOver = false;

  constructor({ args, env, user, prlimit, killGraceMs }: GitProcessOptions) {
    const argv = prlimit ? ['prlimit', `--data=${processDataBytes}`, '--core=0', 'git', ...args] : ['git', ...args];
    const [file = 'git', ...rest] = argv;
    // A group of its own (detached), so that a signal reaches the hook and index-pack too. Setting uid drops all groups.
    this.#child = spawn(file, rest, {
      cwd: '/',
      env: { ...env },
      detached: true,
      stdio: ['pipe', 'pipe', 'pipe'],
      ...(user ? { uid: user.uid, gid: user.gid } : {}),
    });
    if (this.#child.pid !== undefined) letGoFirst(this.#child.pid);
    this.#killGraceMs = killGraceMs;
    this.stdin = this.#child.stdin;
    this.stdout = this.#child.stdout;
    // git may end before it has read everything; how it ended tells what went wrong, EPIPE does not.
    this.stdin.on('error', () => {});
    this.#child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr = (this.#stderr + text).slice(-stderrBytes);
    });
    this.exited = new Promise((resolve, reject) => {
      this.#child.once('error', (error) => {
        this.#isOver = true;
        reject(
          new PlatformError('unavailable', `git cannot be started: ${error.message}`, {
            cause: error,
            hint: 'Install git, then see: paas doctor',
          }),
        );
      });
      this.#child.once('close', (code, signal) => {
        this.#isOver = true;
        resolve({ code, signal });
      });
    });
    this.exited.catch(() => {});
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** The last lines it wrote to its standard error, for the platform's log. */
  get stderr(): string {
    return this.#stderr.trim();
  }

  /**
   * Ends the whole group: SIGTERM, on which git removes its temporary files, then SIGKILL after the grace. Resolves
   * when the process is gone; may be called at any time and again.
   */
  async end(): Promise<void> {
    if (this.#isOver) return;
    this.isEnded = true;
    this.stdout.resume();
    this.stdin.destroy();
    this.#signal('SIGTERM');
    const timer = setTimeout(() => this.#signal('SIGKILL'), this.#killGraceMs);
    await this.exited.catch(() => {});
    clearTimeout(timer);
    // git itself is gone; what it started may not have heard the first signal.
    this.#signal('SIGKILL');
  }

  #signal(signal: 'SIGTERM' | 'SIGKILL'): void {
    if (this.#child.pid === undefined) return;
    try {
      process.kill(-this.#child.pid, signal);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }
}

/**
 * When the host itself runs out of memory, the kernel takes git before any app and before the platform: several hostile
 * packs at once may hold more than there is. At once, so that all it starts inherits it.
 */
function letGoFirst(pid: number): void {
  try {
    writeFileSync(`/proc/${pid}/oom_score_adj`, '1000');
  } catch {
    // It has ended already, or there is no Linux to ask.
  }
}
