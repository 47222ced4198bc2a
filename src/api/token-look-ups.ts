import type { Store } from '../domain/store.ts';
import type { Clock } from '../system/clock.ts';
import { TokenBucket } from '../system/token-bucket.ts';

/** A person mistypes or keeps an old token a few times. */
const perClient = { capacity: 30, perSecond: 0.5 };
const inAll = { capacity: 200, perSecond: 50 };
/** Clients that are counted at once. Further ones have only the common limit. */
const maxClients = 10_000;

export interface LookUpDeps {
  readonly store: Pick<Store, 'accounts' | 'tokens' | 'changes'>;
  readonly clock: Clock;
}

/**
 * Limits how often tokens that nobody has are looked up in the store. The hashes of those that exist are held here, as a
 * hint only: they are always looked up, so the store decides, and a flood of others keeps none of their owners out.
 */
export class TokenLookUps {
  readonly #deps: LookUpDeps;
  readonly #clients = new Map<string, TokenBucket>();
  readonly #all: TokenBucket;
  /** Accounts by the hashes of their tokens. */
  #known: ReadonlyMap<string, string> = new Map();
  #loading: Promise<void> | null = null;
  #isStale = true;

  constructor(deps: LookUpDeps) {
    this.#deps = deps;
    this.#all = new TokenBucket(inAll, deps.clock);
    const stale = () => {
      this.#isStale = true;
    };
    deps.store.changes.subscribe(({ table }) => {
      if (table === 'tokens') stale();
    }, stale);
  }

  /** Whether the token with this hash may be looked up now for a request of the client; null for this machine. */
  async allows(sha256: string, client: string | null): Promise<boolean> {
    if (this.#isStale || this.#loading) await this.#load();
    if (this.#known.has(sha256)) return true;
    const isWithinShare = client === null || this.#bucketOf(client).take();
    return isWithinShare && this.#all.take();
  }

  /** The account that the token with this hash belonged to when it was last read; null for an unknown one. */
  accountOf(sha256: string): string | null {
    return this.#known.get(sha256) ?? null;
  }

  #load(): Promise<void> {
    this.#loading ??= this.#read().finally(() => {
      this.#loading = null;
    });
    return this.#loading;
  }

  async #read(): Promise<void> {
    const { store } = this.#deps;
    this.#isStale = false;
    try {
      const known = new Map<string, string>();
      for (const { id } of await store.accounts.list())
        for (const { sha256 } of await store.tokens.list(id)) known.set(sha256, id);
      this.#known = known;
    } catch (error) {
      this.#isStale = true;
      throw error;
    }
  }

  #bucketOf(client: string): TokenBucket {
    const known = this.#clients.get(client);
    if (known) return known;
    if (this.#clients.size >= maxClients) this.#forget();
    if (this.#clients.size >= maxClients) return this.#all;
    const bucket = new TokenBucket(perClient, this.#deps.clock);
    this.#clients.set(client, bucket);
    return bucket;
  }

  #forget(): void {
    for (const [client, bucket] of this.#clients) if (bucket.isFull) this.#clients.delete(client);
  }
}
