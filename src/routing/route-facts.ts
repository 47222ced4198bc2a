import type { App } from '../domain/app.ts';
import { type Instance, isFinal, releaseOf } from '../domain/instance.ts';
import type { Store } from '../domain/store.ts';
import { servingReleases } from '../domain/traffic.ts';
import type { AppFacts, ReleaseFacts } from './route-plan.ts';

/** Enough of an app's history to find how its last web instance ended, with restarts of other types in between. */
const historyLength = 50;

/** Reads what a route is made of. What never changes of a release is read once. */
export class RouteFacts {
  readonly #store: Store;
  readonly #releases = new Map<string, ReleaseFacts>();

  constructor(store: Store) {
    this.#store = store;
  }

  async of(app: App): Promise<AppFacts> {
    const [domains, formation, traffic, active] = await Promise.all([
      this.#store.domains.list(app.id),
      this.#store.formations.list(app.id),
      this.#store.traffic.list(app.id),
      this.#store.instances.listActive(app.id),
    ]);
    const web = active.filter(isWeb);
    const ended = web.length > 0 ? [] : await this.#store.instances.list(app.id, historyLength);
    const instances = [...web, ...ended.filter((instance) => isWeb(instance) && isFinal(instance.state))];
    const releaseIds = new Set([...instances.flatMap((one) => releaseOf(one) ?? []), ...servingReleases(traffic)]);
    return {
      app,
      traffic,
      hostnames: domains.map(({ hostname }) => hostname),
      webQuantity: formation.find(({ type }) => type === 'web')?.quantity ?? 0,
      web: instances,
      releases: await this.#releasesOf(app.id, releaseIds),
    };
  }

  async #releasesOf(appId: string, ids: ReadonlySet<string>): Promise<ReadonlyMap<string, ReleaseFacts>> {
    if ([...ids].some((id) => !this.#releases.has(id))) {
      for (const release of await this.#store.releases.list(appId)) {
        if (!ids.has(release.id) || this.#releases.has(release.id)) continue;
        const artifact = release.artifactId ? await this.#store.artifacts.find(release.artifactId) : null;
        const hasWeb = artifact ? artifact.processes.some(({ type }) => type === 'web') : null;
        this.#releases.set(release.id, { version: release.version, hasWeb });
      }
    }
    const facts = new Map<string, ReleaseFacts>();
    for (const id of ids) {
      const release = this.#releases.get(id);
      if (release) facts.set(id, release);
    }
    return facts;
  }
}

function isWeb({ type, workload }: Instance): boolean {
  return type === 'web' && workload.kind === 'release';
}
