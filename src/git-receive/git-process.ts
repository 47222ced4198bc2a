import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import type { Readable, Writable } from 'node:stream';
import { PlatformError } from '../domain/errors.ts';
import type { GitUser } from './git-user.ts';
import { processDataBytes } from './limits.ts';

/** Only this file starts processes in this folder, and none through a shell. */
export interface GitProcessOptions {
  readonly args: readonly string[];
  /** The whole environment. The platform's own is never passed on. */
  readonly env: Readonly<Record<string, string>>;
  readonly user: GitUser | null;
  /**
   * Whether to limit memory with util-linux's prlimit. An object that unpacks to gigabytes then ends git, not the host.
   */
  readonly prlimit: boolean;
  readonly killGraceMs: number;
}

export interface GitExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

const stderrBytes = 8 * 1024;

/** One git command and the processes that it starts (index-pack, hooks and so on), as one process group. */
export class GitProcess {
  readonly stdin: Writable;
  readonly stdout: Readable;
  /**
   * Resolves when the process has ended and its output was read. Rejects with `unavailable` when git cannot be started.
   */
  readonly exited: Promise<GitExit>;
  /** True after `end` was called on the running process. */
  isEnded = false;
  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>;
  readonly #killGraceMs: number;
  #stderr = '';
  #isOver = false;

  constructor({ args, env, user, prlimit, killGraceMs }: GitProcessOptions) {
    const argv = prlimit ? ['prlimit', `--data=${processDataBytes}`, '--core=0', 'git', ...args] : ['git', ...args];
    const [file = 'git', ...rest] = argv;
    // Detached means a process group of its own, so that a signal reaches the hook and index-pack too. Setting the uid
    // drops all supplementary groups.
    this.#child = spawn(file, rest, {
      cwd: '/',
      env: { ...env },
      detached: true,
      stdio: ['pipe', 'pipe', 'pipe'],
      ...(user ? { uid: user.uid, gid: user.gid } : {}),
    });
    if (this.#child.pid !== undefined) makeFirstOomVictim(this.#child.pid);
    this.#killGraceMs = killGraceMs;
    this.stdin = this.#child.stdin;
    this.stdout = this.#child.stdout;
    // git may end before it has read everything. Its exit code shows what went wrong; EPIPE does not.
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

  /** The last 8 KiB of its standard error, for the platform's log. */
  get stderr(): string {
    return this.#stderr.trim();
  }

  /**
   * Ends the whole group with SIGTERM, on which git removes its temporary files, and after the grace with SIGKILL.
   * Resolves when the process is gone. May be called at any time and again.
   */
  async end(): Promise<void> {
    if (this.#isOver) return;
    this.isEnded = true;
    this.stdout.resume();
    // The signal comes first: at the end of its input, git would report an early end to the pusher.
    this.#signal('SIGTERM');
    this.stdin.destroy();
    const timer = setTimeout(() => this.#signal('SIGKILL'), this.#killGraceMs);
    await this.exited.catch(() => {});
    clearTimeout(timer);
    // git itself has ended. Processes that it started may have ignored the first signal.
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
 * When the host runs out of memory, the kernel kills git before any app and before the platform: several hostile packs
 * together may need more than the host has. It must be set at once, because only processes started later inherit it.
 */
function makeFirstOomVictim(pid: number): void {
  try {
    writeFileSync(`/proc/${pid}/oom_score_adj`, '1000');
  } catch {
    // The process has ended already, or this is not Linux.
  }
}
