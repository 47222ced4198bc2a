import type { App } from '../../domain/app.ts';
import { PlatformError } from '../../domain/errors.ts';
import { type ListedRelease, only } from '../../domain/listing.ts';
import { keptArtifacts, type Release, type ReleaseWithConfig, rollbackRefusal } from '../../domain/release.ts';
import type { Store } from '../../domain/store.ts';
import { currentOf } from '../../domain/traffic.ts';
import type { Contract } from '../contract.ts';
import { person } from '../person.ts';
import type { RouteDeps } from '../route-deps.ts';
import type { Answer, Routes } from '../route-types.ts';

type ReleaseRoutes = Pick<Routes, 'listReleases' | 'infoRelease' | 'listReleaseConfigVars' | 'rollback'>;

export function releaseRoutes({ store, operations }: RouteDeps): ReleaseRoutes {
  const show = async (app: App, { id }: Pick<Release, 'id'>) => {
    const [listed] = await store.listings.releases(app.id, only(id));
    if (!listed) throw new PlatformError('not_found', `${app.name} has no release ${id}.`);
    return (await serializer(app, store))(listed);
  };
  return {
    async listReleases({ app, page }) {
      return (await store.listings.releases(app.id, page)).map(await serializer(app, store));
    },
    async infoRelease({ app, params }) {
      return show(app, await findRelease(store, app, params.release));
    },
    async listReleaseConfigVars({ app, params }) {
      return { ...(await findRelease(store, app, params.release)).config };
    },
    async rollback({ app, actor, body }) {
      const target = body.release === undefined ? null : await findRelease(store, app, String(body.release));
      const release = await operations.rollback(app, target?.version ?? null, actor);
      return show(app, release);
    },
  };
}

/**
 * Finds a release by id, by number with or without `v`, or as `current` (the one with all requests). Throws
 * `not_found`, for another app's release too.
 */
export async function findRelease(store: Store, app: App, reference: string): Promise<ReleaseWithConfig> {
  const number = /^v?(\d{1,9})$/.exec(reference)?.[1];
  const id = reference === 'current' ? currentOf(await store.traffic.list(app.id)) : reference;
  const release =
    number === undefined
      ? id && (await store.releases.find(id))
      : await store.releases.findByVersion(app.id, Number(number));
  if (release && release.appId === app.id) return release;
  throw new PlatformError('not_found', `${app.name} has no release ${JSON.stringify(reference.slice(0, 64))}.`, {
    hint: `See its releases: paas releases -a ${app.name}`,
  });
}

async function serializer(app: App, store: Store): Promise<(listed: ListedRelease) => Answer<Contract['infoRelease']>> {
  const kept = await store.listings.newestOfArtifacts(app.id, keptArtifacts);
  const currentId = currentOf(await store.traffic.list(app.id));
  return ({ release, email }) => {
    const createdAt = release.createdAt.toISOString();
    return {
      id: release.id,
      version: release.version,
      description: release.description,
      status: release.status,
      current: release.id === currentId,
      eligible_for_rollback: rollbackRefusal(release, kept) === null,
      slug: release.artifactId === null ? null : { id: release.artifactId },
      user: person(release.accountId, email),
      app: { id: app.id, name: app.name },
      addon_plan_names: [],
      output_stream_url: null,
      created_at: createdAt,
      updated_at: createdAt,
    };
  };
}
