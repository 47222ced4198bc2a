import type { StoreTables } from '../domain/store.ts';

/** Accounts as answers name them, each looked up once per answer. One that is gone keeps its id. */
export class People {
  readonly #store: Pick<StoreTables, 'accounts'>;
  readonly #known = new Map<string, Promise<{ readonly id: string; readonly email: string }>>();

  constructor(store: Pick<StoreTables, 'accounts'>) {
    this.#store = store;
  }

  user(accountId: string): Promise<{ readonly id: string; readonly email: string }> {
    const known = this.#known.get(accountId) ?? this.#find(accountId);
    this.#known.set(accountId, known);
    return known;
  }

  async #find(accountId: string) {
    const account = await this.#store.accounts.find(accountId);
    return { id: accountId, email: account?.email ?? 'paas' };
  }
}
