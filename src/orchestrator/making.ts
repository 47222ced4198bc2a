import { resolve } from 'node:path';
import { createBuilder } from '../builder/build.ts';
import { ensureStacks, findStacks } from '../builder/stack.ts';
import { appUrl } from '../domain/urls.ts';
import type { GitReceive } from '../git-receive/git-receive.ts';
import type { AppBelongings } from '../operations/apps.ts';
import { createOperations } from '../operations/create-operations.ts';
import { OngoingWork } from '../operations/ongoing-work.ts';
import type { DeployDeps } from '../operations/releases.ts';
import { createRepairs } from '../operations/repairs.ts';
import { resumeBuilds } from '../operations/resume-builds.ts';
import { EnvironmentKeeper } from '../provisioner/environment-keeper.ts';
import type { Ground } from './ground.ts';
import type { Keepers } from './keepers.ts';
import { createRounds } from './rounds.ts';

type Repositories = Pick<GitReceive, 'createRepository' | 'removeRepository' | 'sourceOf'>;

export type Making = ReturnType<typeof createMaking>;

/** Builds, makes releases, performs operations, and removes leftovers. Only the orchestrator that leads has it. */
export function createMaking(ground: Ground, keepers: Keepers, repositories: Repositories) {
  const {
    settings,
    folders,
    clock,
    logger,
    store,
    platformId,
    engines,
    handsOn,
    buildEngine,
    buildHands,
    leases,
    appLog,
  } = ground;
  const { logs, routes, terminals } = keepers;
  const builder = createBuilder({
    engine: buildEngine,
    hands: buildHands,
    store,
    leases,
    settings,
    stack: async () => (await findStacks(buildEngine, settings)) ?? ensureStacks(buildEngine, settings),
    platformId,
    logger,
    buildpacksDir: resolve(import.meta.dirname, '../../buildpacks'),
  });
  const deps: DeployDeps = {
    store,
    builder,
    environment: { engines, store, platformId, networkPool: settings.networkPool },
    routes,
    appLog,
    logger,
    work: new OngoingWork(leases),
    outputKept: (container) => logs.finished(container),
    urlOf: (app) => appUrl(settings, app.name),
    startTimeoutMs: settings.bootTimeoutMs + settings.stopGraceMs + 60_000,
  };
  const belongings: AppBelongings = {
    create: (appId) => repositories.createRepository(appId),
    async remove(appId) {
      await repositories.removeRepository(appId);
      await appLog.remove(appId);
      await builder.forget(appId);
    },
  };
  const { domain: platformDomain, nameKeepMs, firstAppUid } = settings;
  const operations = createOperations({
    ...{ ...deps, terminals, belongings, clock },
    ...{ platformDomain, nameKeepMs, firstAppUid },
  });
  const forget = (appId: string) => belongings.remove(appId);
  const environments = new EnvironmentKeeper({ environment: deps.environment, forget, clock, logger });
  const repairs = createRepairs(deps);
  const rounds = createRounds({
    deployDeps: deps,
    repairs,
    builder,
    handsOn,
    settings,
    engineLog: folders.engineLog,
    clock,
  });
  const resume = () => resumeBuilds({ ...deps, leases, sourceOf: repositories.sourceOf });
  return { builder, deps, operations, environments, repairs, rounds, resume };
}
