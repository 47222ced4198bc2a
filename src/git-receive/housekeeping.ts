import type { Logger } from '../domain/logger.ts';
import type { Repository } from './repository.ts';
import { countPacks } from './repository-files.ts';

/** Every push adds a pack; so many make git slow. */
const packsBeforeTidying = 40;
/** Objects that nothing points to stay for so long: a push under way may be about to point to them. */
const pruneAfter = '--prune=1.day.ago';
const tidyMs = 10 * 60_000;

/** Packs repositories together, one at a time over all apps. git's own automatic gc is off. */
export class Housekeeping {
  readonly #logger: Logger;
  readonly #waiting = new Map<string, Repository>();
  readonly #stop = new AbortController();
  #running: Promise<void> | null = null;
  #current: string | null = null;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** Tidies the repository soon, if it needs it. */
  async consider(repository: Repository): Promise<void> {
    if (this.#stop.signal.aborted || (await countPacks(repository.path)) < packsBeforeTidying) return;
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
