import { PlatformError } from '../domain/errors.ts';
import type { Operations } from '../domain/operations.ts';

/** What the doors need of the half that leads. */
export interface Leader {
  readonly operations: Operations;
  /** Why containers could reach that host's ports; null when they cannot. */
  firewall(hostId: string): string | null;
}

/** How long a verb waits for a leader: a change of leader on one host takes a part of it. */
const patienceMs = 10_000;

/** Tells the doors who leads here, and lets their verbs wait for it while nobody does. */
export class Leadership {
  readonly #patienceMs: number;
  readonly #closing = new AbortController();
  #leader: Leader | null = null;
  #taken = Promise.withResolvers<void>();

  constructor(options: { readonly patienceMs?: number } = {}) {
    this.#patienceMs = options.patienceMs ?? patienceMs;
  }

  get leader(): Leader | null {
    return this.#leader;
  }

  take(leader: Leader): void {
    this.#leader = leader;
    this.#taken.resolve();
  }

  leave(): void {
    if (!this.#leader) return;
    this.#leader = null;
    this.#taken = Promise.withResolvers();
  }

  /** Whoever waits for a leader is answered at once. */
  close(): void {
    this.#closing.abort();
  }

  /** The verbs of the one who leads when they are called. Each throws `unavailable` when nobody leads in time. */
  readonly operations: Operations = {
    createApp: async (...given) => (await this.#verbs()).createApp(...given),
    renameApp: async (...given) => (await this.#verbs()).renameApp(...given),
    setMaintenance: async (...given) => (await this.#verbs()).setMaintenance(...given),
    destroyApp: async (...given) => (await this.#verbs()).destroyApp(...given),
    deployPush: async (...given) => (await this.#verbs(given[2])).deployPush(...given),
    changeConfig: async (...given) => (await this.#verbs()).changeConfig(...given),
    rollback: async (...given) => (await this.#verbs()).rollback(...given),
    scale: async (...given) => (await this.#verbs()).scale(...given),
    restart: async (...given) => (await this.#verbs()).restart(...given),
    stop: async (...given) => (await this.#verbs()).stop(...given),
    addDomain: async (...given) => (await this.#verbs()).addDomain(...given),
    removeDomain: async (...given) => (await this.#verbs()).removeDomain(...given),
    createToken: async (...given) => (await this.#verbs()).createToken(...given),
    revokeToken: async (...given) => (await this.#verbs()).revokeToken(...given),
    run: async (...given) => (await this.#verbs()).run(...given),
    attachRun: async (...given) => (await this.#verbs(given[2])).attachRun(...given),
  };

  async #verbs(caller?: AbortSignal): Promise<Operations> {
    if (!this.#leader) await this.#someoneLeads(caller);
    if (this.#leader) return this.#leader.operations;
    throw nobodyLeads();
  }

  #someoneLeads(caller?: AbortSignal): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const over = AbortSignal.any([this.#closing.signal, ...(caller ? [caller] : [])]);
    const give = () => reject(caller?.reason instanceof PlatformError ? caller.reason : nobodyLeads());
    if (over.aborted) give();
    const timer = setTimeout(give, this.#patienceMs);
    over.addEventListener('abort', give, { once: true });
    this.#taken.promise.then(resolve);
    return promise.finally(() => {
      clearTimeout(timer);
      over.removeEventListener('abort', give);
    });
  }
}

function nobodyLeads(): PlatformError {
  return new PlatformError('unavailable', 'The platform is starting or stopping, and changes nothing at the moment.', {
    hint: 'Try again in a few seconds. See: paas doctor',
  });
}
