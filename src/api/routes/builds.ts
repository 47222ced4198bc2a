import type { App } from '../../domain/app.ts';
import type { Build } from '../../domain/build.ts';
import { assertNever, PlatformError } from '../../domain/errors.ts';
import { type ListedBuild, only } from '../../domain/listing.ts';
import { showBuildOutput } from '../build-output.ts';
import type { Contract } from '../contract.ts';
import { person } from '../person.ts';
import type { RouteDeps } from '../route-deps.ts';
import type { Answer, Routes } from '../route-types.ts';

type BuildRoutes = Pick<
  Routes,
  'listBuilds' | 'infoBuild' | 'deleteBuildCache' | 'readBuildOutput' | 'readBuildStream'
>;
type BuildJson = Answer<Contract['infoBuild']>;

const streamTtlMs = 60 * 60_000;

export function buildRoutes(deps: RouteDeps): BuildRoutes {
  const { store, operations, buildLinks } = deps;
  return {
    async listBuilds({ app, origin, page }) {
      return (await store.listings.builds(app.id, page)).map((listed) => serializeBuild(listed, deps, origin));
    },
    async infoBuild({ app, params, origin }) {
      const [listed] = await store.listings.builds(app.id, only(params.build));
      if (!listed) throw noSuchBuild(app, params.build);
      return serializeBuild(listed, deps, origin);
    },
    async deleteBuildCache({ app, actor }) {
      await operations.purgeBuildCache(app, actor);
      return {};
    },
    async readBuildOutput({ app, params, signal }, response) {
      await showBuildOutput(await findBuild(deps, app, params.build), response, { deps, signal });
    },
    async readBuildStream({ params, admit, signal }, response) {
      const id = buildLinks.open(params.secret);
      const build = id === null ? null : await store.builds.find(id);
      if (!build)
        throw new PlatformError('not_found', 'This address is no longer valid.', { hint: 'Ask for the build again.' });
      admit((await store.apps.get(build.appId)).ownerId);
      await showBuildOutput(build, response, { deps, signal });
    },
  };
}

async function findBuild({ store }: RouteDeps, app: App, id: string): Promise<Build> {
  const build = await store.builds.find(id);
  if (build && build.appId === app.id) return build;
  throw noSuchBuild(app, id);
}

function noSuchBuild(app: App, id: string): PlatformError {
  return new PlatformError('not_found', `${app.name} has no build ${JSON.stringify(id.slice(0, 64))}.`);
}

function serializeBuild(listed: ListedBuild, { settings, buildLinks }: RouteDeps, origin: string): BuildJson {
  const { build, accountId, email, builderName, releaseId } = listed;
  return {
    id: build.id,
    app: { id: build.appId },
    status: statusOf(build),
    state: build.state,
    reason: build.reason,
    source_blob: { url: null, version: build.commit, checksum: null },
    buildpacks: builderName === null ? [] : [{ url: builderName, name: builderName }],
    stack: settings.stackSuite,
    output_stream_url: `${origin}/build-streams/${buildLinks.sign(build.id, streamTtlMs)}`,
    release: releaseId === null ? null : { id: releaseId },
    slug: build.artifactId === null ? null : { id: build.artifactId },
    user: person(accountId, email),
    created_at: build.createdAt.toISOString(),
    updated_at: (build.endedAt ?? build.startedAt ?? build.createdAt).toISOString(),
  };
}

function statusOf({ state }: Build): BuildJson['status'] {
  switch (state) {
    case 'queued':
    case 'building':
      return 'pending';
    case 'succeeded':
      return 'succeeded';
    case 'failed':
    case 'cancelled':
      return 'failed';
    default:
      return assertNever(state, 'build state');
  }
}
