import { setTimeout as delay } from 'node:timers/promises';
import { PlatformError } from '../domain/errors.ts';
import type { GitProcess } from './git-process.ts';
import { clientGone, type IncomingPush } from './incoming-push.ts';
import type { GitLimits } from './limits.ts';

/** Ends a push that takes too long, or whose client is gone. */
export class PushWatch {
  stopped: PlatformError | null = null;
  readonly #push: IncomingPush;
  readonly #git: GitProcess;
  readonly #limits: GitLimits;
  #timer: NodeJS.Timeout | undefined;

  constructor(push: IncomingPush, git: GitProcess, limits: GitLimits) {
    this.#push = push;
    this.#git = git;
    this.#limits = limits;
    push.signal.addEventListener('abort', () => this.stop(push.signal.reason), { once: true });
  }

  /** Begins a phase with a deadline, which replaces the one before. `what` is the subject of the message. */
  within(ms: number, what: string): void {
    clearTimeout(this.#timer);
    if (this.stopped) return;
    this.#timer = setTimeout(() => {
      this.stop(new PlatformError('timeout', `${what} took longer than ${Math.round(ms / 1000)} s.`));
    }, ms);
  }

  stop(reason: unknown): void {
    if (this.stopped) return;
    this.stopped = reason instanceof PlatformError ? reason : clientGone();
    clearTimeout(this.#timer);
    this.#push.cancel(this.stopped);
    void this.#letGo();
  }

  end(): void {
    clearTimeout(this.#timer);
  }

  async #letGo(): Promise<void> {
    if (this.#push.verdict) {
      await this.#push.verdict;
      await Promise.race([this.#git.exited, delay(this.#limits.finishMs, undefined, { ref: false })]).catch(() => {});
    }
    await this.#git.end();
  }
}
