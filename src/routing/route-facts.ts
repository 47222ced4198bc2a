import type { App } from '../domain/app.ts';
import { type Instance, isFinal, releaseOf } from '../domain/instance.ts';
import type { Store } from '../domain/store.ts';
import { servingReleases } from '../domain/traffic.ts';
import type { AppFacts, ReleaseFacts } from './route-plan.ts';

/** Instances that are read to find how the last web instance ended; those of other types are among them. */
const historyLength = 50;

/** Reads the facts that a route is made of. Facts of a release that never change are read once. */
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
