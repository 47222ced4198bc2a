import { PlatformError } from '../domain/errors.ts';
import {
  type ReservedRoute,
  type Route,
  type RouteChange,
  type RouteTable,
  routeVersion,
  termOfVersion,
} from '../domain/route.ts';

/** As many apps' changes are remembered, at least. A resolver that missed more is sent the whole table. */
const remembered = 1_000;

/**
 * The routes as the orchestrator has planned them, and which of them changed in which version. Nothing here costs more for
 * many routes, but for `table`.
 */
export class RouteHistory {
  readonly #term: number;
  readonly #routes = new Map<string, Route>();
  readonly #reserved: readonly ReservedRoute[];
  /** Oldest first. All changes after `#since` are in it. */
  #changes: { readonly version: number; readonly appId: string }[] = [];
  #since: number;
  #version: number;
  #isReady = false;

  constructor(term: number, reserved: readonly ReservedRoute[]) {
    this.#term = term;
    this.#reserved = reserved;
    this.#version = routeVersion(term, 0);
    this.#since = this.#version;
  }

  /** Null until the first `update`. */
  get version(): number | null {
    return this.#isReady ? this.#version : null;
  }

  get appIds(): Iterable<string> {
    return this.#routes.keys();
  }

  /** Takes over what differs from before. That is a new version. */
  update({ put, drop }: Pick<RouteChange, 'put' | 'drop'>): void {
    const next = this.#version + 1;
    const before = this.#changes.length;
    for (const route of put) {
      if (isSame(this.#routes.get(route.appId), route)) continue;
      this.#routes.set(route.appId, route);
      this.#changes.push({ version: next, appId: route.appId });
    }
    for (const appId of drop) if (this.#routes.delete(appId)) this.#changes.push({ version: next, appId });
    if (this.#changes.length > before || !this.#isReady) this.#version = next;
    this.#isReady = true;
    this.#forget();
  }

  /** What changed after the version `from`; null when that is not known any more. */
  since(from: number): RouteChange | null {
    if (from < this.#since || from >= this.#version) return null;
    const changed = new Set<string>();
    for (let at = this.#changes.length - 1; at >= 0; at -= 1) {
      const change = this.#changes[at];
      if (!change || change.version <= from) break;
      changed.add(change.appId);
    }
    const put: Route[] = [];
    const drop: string[] = [];
    for (const appId of changed) {
      const route = this.#routes.get(appId);
      if (route) put.push(route);
      else drop.push(appId);
    }
    return { from, version: this.#version, put, drop };
  }

  table(): RouteTable {
    return { version: this.#version, routes: [...this.#routes.values()], reserved: this.#reserved };
  }

  /**
   * A resolver has a table of this version: ours must be newer to be taken. Throws `conflict` when it is of a later term,
   * because then another orchestrator leads.
   */
  exceed(version: number): void {
    const term = termOfVersion(version);
    if (term > this.#term) {
      throw new PlatformError('conflict', `The resolver follows term ${term}; this orchestrator has ${this.#term}.`, {
        hint: 'After restoring an older state: stop the platform and remove run/routes.json from PAAS_HOME.',
      });
    }
    if (version >= this.#version) this.#version = version + 1;
  }

  #forget(): void {
    if (this.#changes.length <= 2 * remembered) return;
    const gone = this.#changes.splice(0, this.#changes.length - remembered);
    this.#since = gone.at(-1)?.version ?? this.#since;
  }
}

function isSame(a: Route | undefined, b: Route): boolean {
  return a !== undefined && JSON.stringify(a) === JSON.stringify(b);
}
