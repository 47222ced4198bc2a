import { type Clock, systemClock } from '../system/clock.ts';
import type { Logger } from '../system/logger.ts';
import type { Repository } from './repository.ts';
import { bytesOnDisk, countPacks } from './repository-files.ts';

/** Every push adds a pack, and this many make git slow. */
const packsBeforeTidying = 40;
/** Objects that nothing points to stay for a day, because a push under way may be about to point to them. */
const pruneAfter = '--prune=1.day.ago';
const tidyMs = 10 * 60_000;

/** A repository of half its limit may be full of objects that force-pushes left. It is tidied once per day. */
const largeTidyMs = 24 * 60 * 60_000;

export interface HousekeepingOptions {
  readonly logger: Logger;
  readonly repositoryBytes: number;
  readonly clock?: Clock;
}

/** Runs `git gc` on repositories, one at a time over all apps. git's own automatic gc is off. */
export class Housekeeping {
  readonly #logger: Logger;
  readonly #largeBytes: number;
  readonly #clock: Clock;
  /** By repository id; monotonic clock. */
  readonly #largeTidiedAtMs = new Map<string, number>();
  readonly #waiting = new Map<string, Repository>();
  readonly #stop = new AbortController();
  #running: Promise<void> | null = null;
  #current: string | null = null;

  constructor({ logger, repositoryBytes, clock = systemClock }: HousekeepingOptions) {
    this.#logger = logger;
    this.#largeBytes = repositoryBytes / 2;
    this.#clock = clock;
  }

  /** Tidies the repository soon when it needs it. */
  async consider(repository: Repository): Promise<void> {
    if (this.#stop.signal.aborted) return;
    if ((await countPacks(repository.path)) < packsBeforeTidying && !(await this.#isLargeAndDue(repository))) return;
    this.#waiting.set(repository.id, repository);
    this.#running ??= this.#tidyAll().finally(() => {
      this.#running = null;
    });
  }

  isTidying(repository: Repository): boolean {
    return this.#current === repository.id;
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  /** Objects that no branch holds any more count against the repository's limit until they are removed. */
  async #isLargeAndDue({ id, path }: Repository): Promise<boolean> {
    const nowMs = this.#clock.monotonicMs();
    const lastMs = this.#largeTidiedAtMs.get(id);
    if (lastMs !== undefined && nowMs - lastMs < largeTidyMs) return false;
    if ((await bytesOnDisk(path)) < this.#largeBytes) return false;
    this.#largeTidiedAtMs.set(id, nowMs);
    return true;
  }

  async #tidyAll(): Promise<void> {
    for (const [id, repository] of this.#waiting) {
      this.#waiting.delete(id);
      if (this.#stop.signal.aborted) return;
      this.#current = id;
      await this.#tidy(repository);
      this.#current = null;
    }
  }

  async #tidy(repository: Repository): Promise<void> {
    const git = repository.start(['gc', '--quiet', pruneAfter]);
    git.stdin.end();
    git.stdout.resume();
    const end = () => void git.end();
    const stop = AbortSignal.any([this.#stop.signal, AbortSignal.timeout(tidyMs)]);
    stop.addEventListener('abort', end, { once: true });
    try {
      const { code } = await git.exited;
      if (code !== 0)
        this.#logger.warn('A repository could not be tidied', { repository: repository.id, stderr: git.stderr });
    } catch (error) {
      this.#logger.warn('A repository could not be tidied', { repository: repository.id, error });
    } finally {
      stop.removeEventListener('abort', end);
    }
  }
}
