import type { Change, ChangeFeed } from '../domain/store.ts';
import type { Logger } from '../system/logger.ts';

interface Listener {
  readonly onChange: (change: Change) => void;
  readonly onGap: () => void;
  /** True when it missed a change and has not looked again since. */
  isBehind: boolean;
}

/**
 * Notifies listeners of what a commit changed. The store publishes while nothing else can commit, so the order is that
 * of the commits.
 */
export class Changes implements ChangeFeed {
  readonly #listeners = new Set<Listener>();
  readonly #logger: Logger;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  subscribe(onChange: Listener['onChange'], onGap: Listener['onGap']): () => void {
    const listener = { onChange, onGap, isBehind: false };
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  publish(changes: Iterable<Change>): void {
    for (const change of changes) {
      for (const listener of [...this.#listeners]) {
        try {
          listener.onChange(change);
        } catch (error) {
          listener.isBehind = true;
          this.#logger.error('A listener of the change feed failed.', { error, ...change });
        }
      }
    }
    this.#lookAgain();
  }

  /** To be called when something changed that is in no list of this process. */
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
        this.#logger.error('A listener of the change feed could not look again. The next change asks it again.', {
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
