import type { App } from '../../domain/app.ts';
import type { Build } from '../../domain/build.ts';
import { assertNever, PlatformError } from '../../domain/errors.ts';
import type { Release } from '../../domain/release.ts';
import { showBuildOutput } from '../build-output.ts';
import type { Answer, Routes } from '../call.ts';
import type { ApiContext } from '../context.ts';
import type { Contract } from '../contract.ts';
import { People } from '../people.ts';

type BuildRoutes = Pick<Routes, 'listBuilds' | 'infoBuild' | 'readBuildOutput' | 'readBuildStream'>;
type BuildJson = Answer<Contract['infoBuild']>;

const streamTtlMs = 60 * 60_000;

export function buildRoutes(context: ApiContext): BuildRoutes {
  const { store, buildLinks } = context;
  return {
    async listBuilds({ app, origin }) {
      const shows = await serializer(app, context, origin);
      return Promise.all((await store.builds.list(app.id)).map(shows));
    },
    async infoBuild({ app, params, origin }) {
      const shows = await serializer(app, context, origin);
      return shows(await findBuild(context, app, params.build));
    },
    async readBuildOutput({ app, params, signal }, response) {
      await showBuildOutput(await findBuild(context, app, params.build), response, { context, signal });
    },
    async readBuildStream({ params, signal }, response) {
      const id = buildLinks.open(params.secret);
      const build = id === null ? null : await store.builds.find(id);
      if (!build) throw new PlatformError('not_found', 'This address is over.', { hint: 'Ask for the build again.' });
      await showBuildOutput(build, response, { context, signal });
    },
  };
}

async function findBuild({ store }: ApiContext, app: App, id: string): Promise<Build> {
  const build = await store.builds.find(id);
  if (build && build.appId === app.id) return build;
  throw new PlatformError('not_found', `${app.name} has no build ${JSON.stringify(id.slice(0, 64))}.`);
}

async function serializer(
  app: App,
  context: ApiContext,
  origin: string,
): Promise<(build: Build) => Promise<BuildJson>> {
  const { store, settings, buildLinks } = context;
  const people = new People(store);
  const releases = await store.releases.list(app.id);
  return async (build) => {
    const [push, artifact] = await Promise.all([
      build.pushId === null ? null : store.pushes.find(build.pushId),
      build.artifactId === null ? null : store.artifacts.find(build.artifactId),
    ]);
    const release = firstReleaseOf(build, releases);
    return {
      id: build.id,
      app: { id: app.id },
      status: statusOf(build),
      state: build.state,
      reason: build.reason,
      source_blob: { url: null, version: build.commit, checksum: null },
      buildpacks: artifact ? [{ url: artifact.builderName, name: artifact.builderName }] : [],
      stack: settings.stackSuite,
      output_stream_url: `${origin}/build-streams/${buildLinks.sign(build.id, streamTtlMs)}`,
      release: release ? { id: release.id } : null,
      slug: build.artifactId === null ? null : { id: build.artifactId },
      user: await people.user(push?.accountId ?? app.ownerId),
      created_at: build.createdAt.toISOString(),
      updated_at: (build.endedAt ?? build.startedAt ?? build.createdAt).toISOString(),
    };
  };
}

/** The release that the build was made for: of those with its artifact the first one after it. */
function firstReleaseOf(build: Build, newestFirst: readonly Release[]): Release | undefined {
  if (build.artifactId === null) return undefined;
  return newestFirst.findLast(
    (release) =>
      release.cause === 'deploy' && release.artifactId === build.artifactId && release.createdAt >= build.createdAt,
  );
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
