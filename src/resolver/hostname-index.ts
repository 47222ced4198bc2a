import type { RouteRule } from '../domain/route.ts';

/**
 * The hostname of a Host header as routing compares it: in lower case, without port and without a dot at the end. Null
 * for what cannot be a Host header's value. A hostname that is served has no underscores, brackets or bytes beyond
 * ASCII.
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

/** The claims of one path of a hostname. Never empty; the first one owns the path. */
interface HostnamePath<Owner> {
  readonly path: string;
  readonly claims: Claim<Owner>[];
}

/** The paths of one hostname, the longest first. */
type HostnamePaths<Owner> = HostnamePath<Owner>[];

/**
 * Maps URLs to owners; changed in place. The exact hostname wins over the wildcard. Among one hostname's paths the
 * longest that covers the URL's path wins. When none of the hostname's own paths covers it, the wildcard's are tried.
 * When two keys claim one rule, the smaller key owns it, in whichever order they came, and the other owns it once the
 * first gives it up. A URL that nobody claims has no owner: there is no catch-all, so that an unknown hostname never
 * reaches somebody's app.
 */
export class HostnameIndex<Owner> {
  readonly #exact = new Map<string, HostnamePaths<Owner>>();
  readonly #wildcard = new Map<string, HostnamePaths<Owner>>();
  readonly #rules = new Map<string, readonly RouteRule[]>();

  /** From now on `key` claims these rules for `owner`, and no others. */
  put(key: string, owner: Owner, rules: readonly RouteRule[]): void {
    this.drop(key);
    if (rules.length === 0) return;
    this.#rules.set(key, rules);
    for (const rule of rules) {
      const [map, name] = this.#mapOf(rule.hostname);
      const paths = map.get(name);
      const claim = { key, owner };
      if (!paths) map.set(name, [{ path: rule.path, claims: [claim] }]);
      else addClaim(paths, rule.path, claim);
    }
  }

  /** From now on `key` claims nothing. */
  drop(key: string): void {
    const rules = this.#rules.get(key);
    if (!rules) return;
    this.#rules.delete(key);
    for (const rule of rules) {
      const [map, name] = this.#mapOf(rule.hostname);
      const paths = map.get(name);
      if (paths) removeClaim(paths, rule.path, key);
      if (paths?.length === 0) map.delete(name);
    }
  }

  /** `path` is a request's, with or without its query. It is compared as it was written: nothing is decoded. */
  find(hostname: string, path: string): Owner | undefined {
    const owner = ownerOf(this.#exact.get(hostname), path);
    if (owner !== undefined || this.#wildcard.size === 0) return owner;
    const dot = hostname.indexOf('.');
    return dot > 0 ? ownerOf(this.#wildcard.get(hostname.slice(dot + 1)), path) : undefined;
  }

  #mapOf(hostname: string): readonly [Map<string, HostnamePaths<Owner>>, string] {
    return hostname.startsWith('*.') ? [this.#wildcard, hostname.slice(2)] : [this.#exact, hostname];
  }
}

function ownerOf<Owner>(paths: HostnamePaths<Owner> | undefined, path: string): Owner | undefined {
  return paths?.find((rule) => covers(rule.path, path))?.claims[0]?.owner;
}

/** Whether the path is below the prefix: `/docs` covers `/docs`, `/docs?x` and `/docs/a`, and not `/docsets`. */
function covers(prefix: string, path: string): boolean {
  if (prefix === '/') return true;
  if (!path.startsWith(prefix)) return false;
  const next = path[prefix.length];
  return next === undefined || next === '/' || next === '?';
}

function addClaim<Owner>(paths: HostnamePaths<Owner>, path: string, claim: Claim<Owner>): void {
  const rule = paths.find((known) => known.path === path);
  if (!rule) {
    paths.push({ path, claims: [claim] });
    paths.sort((a, b) => b.path.length - a.path.length);
  } else if (rule.claims.every(({ key }) => key !== claim.key)) {
    rule.claims.push(claim);
    rule.claims.sort((a, b) => (a.key < b.key ? -1 : 1));
  }
}

function removeClaim<Owner>(paths: HostnamePaths<Owner>, path: string, key: string): void {
  const at = paths.findIndex((known) => known.path === path);
  const claims = paths[at]?.claims ?? [];
  const own = claims.findIndex((claim) => claim.key === key);
  if (own !== -1) claims.splice(own, 1);
  if (at !== -1 && claims.length === 0) paths.splice(at, 1);
}
