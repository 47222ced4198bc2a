import { PlatformError } from '../domain/errors.ts';
import {
  type ReservedRoute,
  type Route,
  type RouteChange,
  type RouteTable,
  routeVersion,
  termOfVersion,
} from '../domain/route.ts';

/** Changes of apps that are remembered at least. A resolver that missed more is sent the whole table. */
const remembered = 1_000;

/**
 * The routes as the orchestrator planned them, and which app's route changed in which version. The cost of its methods
 * does not grow with the number of routes, except for `table`.
 */
export class RouteHistory {
  readonly #term: number;
  readonly #routes = new Map<string, Route>();
  readonly #reserved: readonly ReservedRoute[];
  /** Oldest first. Holds every change after the version `#since`. */
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

  /** Takes over the routes that differ. If any does, that is a new version. */
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

  /** The change from the version `from` to the newest one. Null when it is no longer known. */
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
   * Makes our version newer than this one, which a resolver has, so that the resolver takes ours. Throws `conflict`
   * when it is of a later term, because then another orchestrator leads.
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
