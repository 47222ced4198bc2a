import type { Change, ChangeFeed } from '../domain/store.ts';
import type { Logger } from '../system/logger.ts';

interface Listener {
  readonly hear: (change: Change) => void;
  readonly onGap: () => void;
  /** It missed something, and has not looked again since. */
  isBehind: boolean;
}

/** Tells listeners what a commit changed. The store publishes while nothing else can commit, so order is the commits' order. */
export class Changes implements ChangeFeed {
  readonly #listeners = new Set<Listener>();
  readonly #logger: Logger;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  subscribe(hear: Listener['hear'], onGap: Listener['onGap']): () => void {
    const listener = { hear, onGap, isBehind: false };
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  publish(changes: Iterable<Change>): void {
    for (const change of changes) {
      for (const listener of [...this.#listeners]) {
        try {
          listener.hear(change);
        } catch (error) {
          listener.isBehind = true;
          this.#logger.error('A listener of the change feed failed.', { error, ...change });
        }
      }
    }
    this.#lookAgain();
  }

  /** Something changed that is in no list of ours. */
  gap(): void {
    for (const listener of this.#listeners) listener.isBehind = true;
    this.#lookAgain();
  }

  #lookAgain(): void {
    for (const listener of [...this.#listeners].filter(({ isBehind }) => isBehind)) {
      try {
        listener.onGap();
        listener.isBehind = false;
      } catch (error) {
        this.#logger.error('A listener of the change feed could not look again. It is asked to with the next change.', {
          error,
        });
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
