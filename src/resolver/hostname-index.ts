import type { RouteRule } from '../domain/route.ts';

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

interface Claim<Owner> {
  readonly key: string;
  readonly owner: Owner;
}

/** Never empty; the first one has it. */
interface PathRule<Owner> {
  readonly path: string;
  readonly claims: Claim<Owner>[];
}

/** By the length of their paths, the longest first. */
type HostnameRules<Owner> = PathRule<Owner>[];

/**
 * URL to owner, changed in place. The exact hostname wins over the wildcard, and of one hostname's paths the longest that
 * covers the URL's. Where the hostname's own paths do not cover it, the wildcard is asked. Of two claims to one rule the
 * one with the smaller key wins, in whichever order they came; the other has the rule once the first gives it up. A URL that
 * nobody claims has no owner: there is no catch-all, so that an unknown hostname never reaches somebody's app.
 */
export class HostnameIndex<Owner> {
  readonly #exact = new Map<string, HostnameRules<Owner>>();
  readonly #wildcard = new Map<string, HostnameRules<Owner>>();
  readonly #rules = new Map<string, readonly RouteRule[]>();

  /** From now on `key` claims these rules for `owner`, and no others. */
  put(key: string, owner: Owner, rules: readonly RouteRule[]): void {
    this.drop(key);
    if (rules.length === 0) return;
    this.#rules.set(key, rules);
    for (const rule of rules) {
      const [index, name] = this.#place(rule.hostname);
      const host = index.get(name);
      const claim = { key, owner };
      if (!host) index.set(name, [{ path: rule.path, claims: [claim] }]);
      else addClaim(host, rule.path, claim);
    }
  }

  /** From now on `key` claims nothing. */
  drop(key: string): void {
    const rules = this.#rules.get(key);
    if (!rules) return;
    this.#rules.delete(key);
    for (const rule of rules) {
      const [index, name] = this.#place(rule.hostname);
      const host = index.get(name);
      if (host) removeClaim(host, rule.path, key);
      if (host?.length === 0) index.delete(name);
    }
  }

  /** `path` is a request's, with or without its query. It is compared as it was written: nothing is decoded. */
  find(hostname: string, path: string): Owner | undefined {
    const owner = ownerOf(this.#exact.get(hostname), path);
    if (owner !== undefined || this.#wildcard.size === 0) return owner;
    const dot = hostname.indexOf('.');
    return dot > 0 ? ownerOf(this.#wildcard.get(hostname.slice(dot + 1)), path) : undefined;
  }

  #place(hostname: string): readonly [Map<string, HostnameRules<Owner>>, string] {
    return hostname.startsWith('*.') ? [this.#wildcard, hostname.slice(2)] : [this.#exact, hostname];
  }
}

function ownerOf<Owner>(host: HostnameRules<Owner> | undefined, path: string): Owner | undefined {
  return host?.find((rule) => covers(rule.path, path))?.claims[0]?.owner;
}

/** Whether the path is below the prefix: `/docs` covers `/docs`, `/docs?x` and `/docs/a`, and not `/docsets`. */
function covers(prefix: string, path: string): boolean {
  if (prefix === '/') return true;
  if (!path.startsWith(prefix)) return false;
  const next = path[prefix.length];
  return next === undefined || next === '/' || next === '?';
}

function addClaim<Owner>(host: HostnameRules<Owner>, path: string, claim: Claim<Owner>): void {
  const rule = host.find((known) => known.path === path);
  if (!rule) {
    host.push({ path, claims: [claim] });
    host.sort((a, b) => b.path.length - a.path.length);
  } else if (rule.claims.every(({ key }) => key !== claim.key)) {
    rule.claims.push(claim);
    rule.claims.sort((a, b) => (a.key < b.key ? -1 : 1));
  }
}

function removeClaim<Owner>(host: HostnameRules<Owner>, path: string, key: string): void {
  const at = host.findIndex((known) => known.path === path);
  const claims = host[at]?.claims ?? [];
  const own = claims.findIndex((claim) => claim.key === key);
  if (own !== -1) claims.splice(own, 1);
  if (at !== -1 && claims.length === 0) host.splice(at, 1);
}
