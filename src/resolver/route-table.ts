/**
 * A hostname as routing compares it: lower-case, without port and without the dot that makes it absolute. Null for what
 * cannot be a Host header's value. Underscores, brackets and bytes beyond ASCII have no place in a name we serve.
 */
export function hostnameOf(authority: string): string | null {
  const match = authorityPattern.exec(authority.toLowerCase());
  const hostname = match?.[1];
  if (hostname === undefined) return null;
  return hostname.endsWith('.') ? hostname.slice(0, -1) || null : hostname;
}

const authorityPattern = /^([a-z0-9.-]{1,254})(?::\d{1,5})?$/;

export interface HostRule<Owner> {
  /** Exact, or `*.` and a parent: exactly one label in the star's place. */
  readonly hostname: string;
  readonly owner: Owner;
}

/**
 * Hostname to owner, in a structure that is built whole and never changed. The exact name wins over the wildcard; of two
 * rules for one name the first wins. A name that nobody owns has no owner: there is no catch-all, so that an unknown
 * hostname never reaches somebody's app.
 */
export class HostIndex<Owner> {
  readonly #exact = new Map<string, Owner>();
  readonly #wildcard = new Map<string, Owner>();

  constructor(rules: Iterable<HostRule<Owner>>) {
    for (const { hostname, owner } of rules) {
      const wildcard = hostname.startsWith('*.');
      const index = wildcard ? this.#wildcard : this.#exact;
      const key = wildcard ? hostname.slice(2) : hostname;
      if (!index.has(key)) index.set(key, owner);
    }
  }

  get size(): number {
    return this.#exact.size + this.#wildcard.size;
  }

  find(hostname: string): Owner | undefined {
    const owner = this.#exact.get(hostname);
    if (owner !== undefined || this.#wildcard.size === 0) return owner;
    const dot = hostname.indexOf('.');
    return dot > 0 ? this.#wildcard.get(hostname.slice(dot + 1)) : undefined;
  }
}
