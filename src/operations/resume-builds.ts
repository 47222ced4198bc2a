import { platformActor } from '../domain/actor.ts';
import type { Build } from '../domain/build.ts';
import type { SourceOf } from '../domain/builder.ts';
import { publicMessage } from '../domain/errors.ts';
import { eventOf } from '../domain/event.ts';
import type { Leases } from '../domain/leases.ts';
import type { Store } from '../domain/store.ts';
import { logOutput } from '../reporting/progress.ts';
import type { DeployDeps } from './releases.ts';

export interface ResumeDeps {
  readonly deps: DeployDeps;
  readonly leases: Leases;
  readonly sourceOf: SourceOf;
}

/**
 * Takes up the builds that waited when an earlier orchestrator ended: a commit in the app's repository is built, so that the
 * next push of it only has to start. No release is made of it, because its pusher was told that the push failed. What came
 * with a push is gone with the git that held it back, and its build is cancelled.
 * Resolves when each is under way or over.
 */
export async function resumeBuilds(parts: ResumeDeps): Promise<void> {
  const { deps } = parts;
  for (const build of await deps.store.builds.listByState('queued')) {
    deps.work
      .run(build.appId, (signal) => resume(build, signal, parts))
      .catch((error: unknown) => {
        if (deps.work.isClosing) return;
        deps.logger.info('a build that was taken up again failed', { error, buildId: build.id, appId: build.appId });
      });
  }
}

function resume(build: Build, signal: AbortSignal, { deps, leases, sourceOf }: ResumeDeps): Promise<void> {
  const { store, builder, appLog } = deps;
  const work = async () => {
    const queued = await store.builds.find(build.id);
    if (queued?.state !== 'queued') return;
    const source = await sourceOf(queued, signal);
    if (!source) return end(queued, { state: 'cancelled', reason: lost }, store);
    const output = logOutput(appLog, build.appId);
    const [app, config] = await Promise.all([store.apps.get(build.appId), store.configVars.get(build.appId)]);
    const request = { app, pushId: build.pushId, source, config, actor: platformActor, queued };
    try {
      await builder.build(request, output, signal);
    } catch (error) {
      const now = await store.builds.find(build.id);
      const isLeft = now?.state === 'queued' && !deps.work.isClosing;
      if (isLeft) await end(now, { state: 'failed', reason: publicMessage(error) }, store);
      throw error;
    }
    output.step(`Built ${build.commit.slice(0, 7)}, which waited when the platform stopped. Push again to release it`);
  };
  return leases.hold(`app/${build.appId}/source`, work, {
    purpose: `the build of ${build.commit.slice(0, 7)}`,
    signal,
  });
}

const lost =
  'The platform stopped before the turn of this build came, and what was pushed was lost with it. Push again.';

function end(
  { id, appId }: Build,
  { state, reason }: { readonly state: 'cancelled' | 'failed'; readonly reason: string },
  store: Store,
): Promise<void> {
  return store.transaction(async (tables) => {
    await tables.builds.update(id, { state, reason, endedAt: new Date() });
    await tables.events.append(eventOf(`build.${state}`, platformActor, { appId, data: { buildId: id, reason } }));
  });
}
