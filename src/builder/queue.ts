import { PlatformError } from '../domain/errors.ts';

export interface Wait {
  /** 1: the next one. */
  readonly position: number;
  /** The build of the same app that is in front; null when only a place is missing. */
  readonly behind: string | null;
}

export interface Entry {
  readonly appId: string;
  /** Told to those who wait behind it. */
  readonly commit: string;
  readonly signal: AbortSignal;
  /** Called when it has to wait, and whenever its turn has come nearer. */
  readonly onWait: (wait: Wait) => void;
}

/** A place to build in. Dispose of it to let the next one in; more than once does no harm. */
export interface Place extends Disposable {
  /** From 0. Nobody else has it meanwhile. */
  readonly slot: number;
}

interface Waiting extends Entry {
  readonly admit: (place: Place) => void;
  told: Wait | null;
}

/**
 * Lets builds in: in the order of asking, one at a time per app, and no more at once than there are slots. Every push
 * gets its turn; nobody is overtaken by a build of the same app, and nobody waits for another app's line.
 */
export class BuildQueue {
  readonly #free: number[];
  readonly #building = new Map<string, string>();
  readonly #waiting: Waiting[] = [];

  constructor(slots: number) {
    this.#free = Array.from({ length: slots }, (_, slot) => slot);
  }

  /** Throws `cancelled` when the signal aborts while it waits. */
  async enter(entry: Entry): Promise<Place> {
    entry.signal.throwIfAborted();
    const { promise, resolve, reject } = Promise.withResolvers<Place>();
    const waiting: Waiting = { ...entry, admit: resolve, told: null };
    this.#waiting.push(waiting);
    const give = () => {
      const index = this.#waiting.indexOf(waiting);
      if (index < 0) return;
      this.#waiting.splice(index, 1);
      reject(new PlatformError('cancelled', 'The build was cancelled before its turn came.'));
      this.#admit();
    };
    entry.signal.addEventListener('abort', give, { once: true });
    this.#admit();
    try {
      return await promise;
    } finally {
      entry.signal.removeEventListener('abort', give);
    }
  }

  #admit(): void {
    for (const waiting of [...this.#waiting]) {
      const slot = this.#free[0];
      if (slot === undefined) break;
      if (this.#building.has(waiting.appId)) continue;
      this.#free.shift();
      this.#building.set(waiting.appId, waiting.commit);
      this.#waiting.splice(this.#waiting.indexOf(waiting), 1);
      waiting.admit(this.#place(waiting.appId, slot));
    }
    for (const waiting of this.#waiting) this.#tell(waiting);
  }

  #place(appId: string, slot: number): Place {
    let left = false;
    return {
      slot,
      [Symbol.dispose]: () => {
        if (left) return;
        left = true;
        this.#building.delete(appId);
        this.#free.push(slot);
        this.#free.sort((a, b) => a - b);
        this.#admit();
      },
    };
  }

  #tell(waiting: Waiting): void {
    const ahead = this.#waiting.slice(0, this.#waiting.indexOf(waiting));
    const ofApp = ahead.filter(({ appId }) => appId === waiting.appId);
    const behind = ofApp.at(-1)?.commit ?? this.#building.get(waiting.appId) ?? null;
    const position = (behind === null ? ahead.length : ofApp.length) + 1;
    if (waiting.told?.position === position && waiting.told.behind === behind) return;
    waiting.told = { position, behind };
    waiting.onWait(waiting.told);
  }
}
