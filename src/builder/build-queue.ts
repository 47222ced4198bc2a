import type { Actor } from '../domain/actor.ts';
import type { Build } from '../domain/build.ts';
import { PlatformError } from '../domain/errors.ts';
import type { Store, StoreTables } from '../domain/store.ts';
import { admissions, type QueueFacts, queueLine } from './build-order.ts';
import { started } from './ledger.ts';

export interface QueueOptions {
  readonly actor: Actor;
  readonly signal: AbortSignal;
  /** Called with a line for people when the build has to wait, and whenever its turn has come nearer. */
  readonly onWait: (line: string) => void;
}

/** A place to build in. Dispose of it when the build has ended; more than once does no harm. */
export interface Place extends Disposable {
  /** From 0. No other build has it meanwhile. */
  readonly slot: number;
}

interface Waiting extends QueueOptions {
  readonly admit: (place: Place) => void;
  readonly refuse: (error: unknown) => void;
  told: string | null;
}

/**
 * Lets queued builds begin. The queue is the table of builds: what waits are its rows in state `queued`, what has a place
 * are its rows in state `building`. Here is only who is to be told.
 */
export class BuildQueue {
  readonly #store: Store;
  readonly #slots: number;
  readonly #waiting = new Map<string, Waiting>();
  /** Builds that are over, whatever their rows say: how they ended may be what could not be written. */
  readonly #over = new Set<string>();
  readonly #closing = new AbortController();
  #isLooking = false;
  #lookAgain = false;

  constructor(store: Store, slots: number) {
    this.#store = store;
    this.#slots = slots;
  }

  get isClosed(): boolean {
    return this.#closing.signal.aborted;
  }

  /** Resolves when the build may begin; its row is then `building`. Throws `cancelled` when the signal aborts before. */
  async begin({ id }: Build, options: QueueOptions): Promise<Place> {
    const { promise, resolve, reject } = Promise.withResolvers<Place>();
    const signal = AbortSignal.any([options.signal, this.#closing.signal]);
    const giveUp = () => reject(new PlatformError('cancelled', 'The build was cancelled before its turn came.'));
    if (signal.aborted) giveUp();
    signal.addEventListener('abort', giveUp, { once: true });
    this.#waiting.set(id, { ...options, admit: resolve, refuse: reject, told: null });
    const unsubscribe = this.#store.changes.subscribe(
      ({ table }) => {
        if (table === 'builds') this.#look();
      },
      () => this.#look(),
    );
    this.#look();
    try {
      return await promise;
    } finally {
      unsubscribe();
      signal.removeEventListener('abort', giveUp);
      this.#waiting.delete(id);
      this.#look();
    }
  }

  /** Who waits is let go with `cancelled`. The rows stay in the queue, for the next start. */
  close(): void {
    this.#closing.abort();
  }

  /** One look at a time; whatever happens meanwhile is the next one. */
  #look(): void {
    this.#lookAgain = true;
    if (!this.#isLooking) void this.#lookOn();
  }

  async #lookOn(): Promise<void> {
    this.#isLooking = true;
    while (this.#lookAgain && this.#waiting.size > 0) {
      this.#lookAgain = false;
      try {
        await this.#serve();
      } catch (error) {
        for (const { refuse } of this.#waiting.values()) refuse(error);
      }
    }
    this.#isLooking = false;
  }

  /** Looks without a transaction first: mostly nobody's turn has come. */
  async #serve(): Promise<void> {
    if (admissions(await this.#facts(this.#store)).length > 0) await this.#admit();
    const facts = await this.#facts(this.#store);
    for (const build of facts.queued) this.#tell(build, facts);
  }

  async #admit(): Promise<void> {
    const admitted = await this.#store.transaction(async (tables) => {
      const next = admissions(await this.#facts(tables));
      for (const { build, slot } of next) {
        const actor = this.#waiting.get(build.id)?.actor;
        if (actor) await started(tables, build, { slot, actor });
      }
      return next;
    });
    for (const { build, slot } of admitted) {
      const waiting = this.#waiting.get(build.id);
      this.#waiting.delete(build.id);
      waiting?.admit({ slot, [Symbol.dispose]: () => this.#leave(build) });
    }
  }

  #leave({ id }: Build): void {
    this.#over.add(id);
    this.#look();
  }

  /** A row that nobody waits for is in nobody's way: whoever asked for it has gone. */
  async #facts(tables: StoreTables): Promise<QueueFacts> {
    const rows = await tables.builds.listByState('building');
    for (const id of this.#over) if (!rows.some((build) => build.id === id)) this.#over.delete(id);
    const building = rows.filter(({ id }) => !this.#over.has(id));
    const queued = (await tables.builds.listByState('queued')).filter(({ id }) => this.#waiting.has(id));
    const lastEnded = await tables.builds.lastEnded([...new Set(queued.map(({ appId }) => appId))]);
    return { queued, building, lastEnded, slots: this.#slots };
  }

  #tell(build: Build, facts: QueueFacts): void {
    const waiting = this.#waiting.get(build.id);
    const line = queueLine(build, facts);
    if (!waiting || waiting.told === line) return;
    waiting.told = line;
    waiting.onWait(line);
  }
}
