import { platformActor } from '../domain/actor.ts';
import type { Build } from '../domain/build.ts';
import type { SourceOf } from '../domain/builder.ts';
import { publicMessage } from '../domain/errors.ts';
import { eventOf } from '../domain/event.ts';
import type { Leases } from '../domain/leases.ts';
import type { Store } from '../domain/store.ts';
import { logOutput } from '../reporting/progress.ts';
import type { DeployDeps } from './releases.ts';

export interface ResumeDeps extends DeployDeps {
  readonly leases: Leases;
  readonly sourceOf: SourceOf;
}

/**
 * Resumes the builds that were queued when an earlier orchestrator ended. A commit in the app's repository is built, so that
 * the next push of it only has to start. It gets no release, because its pusher saw the push fail. The commit of a push that
 * git had not accepted yet is lost, and its build is cancelled.
 * Resolves when each build has been begun or cancelled.
 */
export async function resumeBuilds(deps: ResumeDeps): Promise<void> {
  for (const build of await deps.store.builds.listByState('queued')) {
    deps.work
      .run(build.appId, (signal) => resume(build, signal, deps))
      .catch((error: unknown) => {
        if (deps.work.isClosing) return;
        deps.logger.info('a resumed build failed', { error, buildId: build.id, appId: build.appId });
      });
  }
}

function resume(build: Build, signal: AbortSignal, deps: ResumeDeps): Promise<void> {
  const { store, builder, appLog, leases, sourceOf } = deps;
  const work = async () => {
    const queued = await store.builds.find(build.id);
    if (queued?.state !== 'queued') return;
    const source = await sourceOf(queued, signal);
    if (!source) return end(queued, { state: 'cancelled', reason: lostReason }, store);
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

const lostReason = 'The platform stopped before this build began, and the pushed commit was lost with it. Push again.';

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
