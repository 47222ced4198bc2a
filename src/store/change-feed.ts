import type { Change, ChangeFeed } from '../domain/store.ts';
import type { Logger } from '../system/logger.ts';

/** Tells listeners what a commit changed. The store publishes while nothing else can commit, so order is the commits' order. */
export class Changes implements ChangeFeed {
  readonly #listeners = new Set<{ readonly hear: (change: Change) => void }>();
  readonly #logger: Logger;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  subscribe(listener: (change: Change) => void): () => void {
    const entry = { hear: listener };
    this.#listeners.add(entry);
    return () => this.#listeners.delete(entry);
  }

  publish(changes: Iterable<Change>): void {
    for (const change of changes) {
      for (const listener of [...this.#listeners]) {
        try {
          listener.hear(change);
        } catch (error) {
          this.#logger.error('A listener of the change feed failed.', { error, ...change });
        }
      }
    }
  }
}

/** The changes of one transaction: each row once, in the order of its first change. */
export class ChangeList {
  readonly #changes = new Map<string, Change>();

  add(change: Change): void {
    const key = `${change.table}|${change.id}`;
    if (!this.#changes.has(key)) this.#changes.set(key, change);
  }

  values(): Iterable<Change> {
    return this.#changes.values();
  }
}
