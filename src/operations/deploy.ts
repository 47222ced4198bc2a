import type { App } from '../domain/app.ts';
import type { Artifact, BuildOutput } from '../domain/build.ts';
import { sameConfig } from '../domain/config-vars.ts';
import { errorCode } from '../domain/errors.ts';
import { formationTypes } from '../domain/formation.ts';
import { processName } from '../domain/instance.ts';
import { type Lease, type LeaseWait, waitingLine } from '../domain/leases.ts';
import { type PushRequest, purposeOf } from '../domain/push.ts';
import type { Release, ReleaseWithConfig } from '../domain/release.ts';
import { removeOldImages } from '../provisioner/image-retention.ts';
import { isIn, slotsOf } from '../provisioner/plan.ts';
import { logOutput, teeOutput } from '../reporting/progress.ts';
import { currentRelease, type DeployDeps, makeRelease } from './releases.ts';
import { rollOut } from './roll-out.ts';
import { StartFailed } from './starting.ts';

const lastWords = 20;
/** A turn that comes at once is not worth a line. */
const tellWaitingMs = 1000;
/** Most apps are up before. */
const tellStartingMs = 5000;

/** Who hears what: the app's log has the app's own lines already. */
interface Heard {
  readonly output: BuildOutput;
  readonly pusherOnly: BuildOutput;
}

/**
 * The story of a push: build, release, start, switch. What fails before the switch leaves the old release serving.
 * An unchanged tree with unchanged config that runs makes no release and starts nothing.
 */
export async function deployPush(
  request: PushRequest,
  pusher: BuildOutput,
  { deps, signal: pusherGone }: { deps: DeployDeps; signal: AbortSignal },
): Promise<Release> {
  const { appId } = request.push;
  const output = teeOutput(pusher, logOutput(deps.appLog, appId));
  const deployed = await deps.work.run(
    appId,
    async (pushSignal) => {
      const app = await deps.store.apps.get(appId);
      const { artifact, reused } = await deps.builder.build(
        {
          app,
          pushId: request.push.id,
          source: request.source,
          config: await deps.store.configVars.get(appId),
          actor: request.actor,
        },
        output,
        pushSignal,
      );
      const waiting = tellLongWait((wait) => output.step(waitingLine('launch', wait)));
      const turn = (lease: Lease) => {
        waiting.end();
        return release(request, { artifact, reused }, { output, pusherOnly: pusher }, { deps, lease });
      };
      const purpose = purposeOf(request.push);
      const options = { purpose, signal: pushSignal, onWait: waiting.onWait };
      return deps.work.hold(appId, turn, options).finally(() => waiting.end());
    },
    pusherGone,
  );
  tidyUp(deployed, deps);
  return deployed;
}

/** Passes on where one stands, once a wait has lasted a moment; until `end`. */
function tellLongWait(tell: (wait: LeaseWait) => void) {
  let now: LeaseWait | null = null;
  let isLong = false;
  const timer = setTimeout(() => {
    isLong = true;
    if (now) tell(now);
  }, tellWaitingMs);
  return {
    onWait(wait: LeaseWait) {
      now = wait;
      if (isLong) tell(wait);
    },
    end: () => clearTimeout(timer),
  };
}

/** In the app's turn: nothing else changes what it runs meanwhile. */
async function release(
  { push, actor }: PushRequest,
  { artifact, reused }: { readonly artifact: Artifact; readonly reused: boolean },
  heard: Heard,
  { deps, lease }: { deps: DeployDeps; lease: Lease },
): Promise<Release> {
  const { store } = deps;
  const { output } = heard;
  const app = await store.apps.get(push.appId);
  const current = await currentRelease(app, store);
  if (reused && current && (await isAsServed(current, artifact, deps))) {
    output.step(`Nothing changed: v${current.version} serves this tree already`);
    await tellWhatServes(app, artifact, output, deps);
    return current;
  }
  output.step('Launching...');
  const description = `Deploy ${push.newCommit.slice(0, 8)}`;
  const made = await store.transaction(async (tables) => {
    await lease.check();
    return makeRelease(tables, { app, artifactId: artifact.id, cause: 'deploy', description, actor });
  });
  await launch(app, made, heard, { deps, signal: lease.signal });
  output.detail(`Released v${made.version}`);
  await tellWhatServes(await store.apps.get(app.id), artifact, output, deps);
  return made;
}

/** The URL comes last, and only where something answers it. */
async function tellWhatServes(
  app: App,
  artifact: Artifact,
  output: BuildOutput,
  { store, urlOf }: DeployDeps,
): Promise<void> {
  const types = formationTypes(artifact);
  const formation = (await store.formations.list(app.id)).filter(({ type }) => types.includes(type));
  const web = formation.find(({ type }) => type === 'web');
  const idle = web?.quantity === 0 ? web : formation.every(({ quantity }) => quantity === 0) ? formation[0] : undefined;
  if (idle) output.warn(`No ${idle.type} runs yet. Start one: paas ps:scale ${idle.type}=1 -a ${app.name}`);
  output.detail(web ? `${urlOf(app)} deployed to paas` : `Deployed to paas, with no URL: there is no web process`);
}

/** The same artifact with the same config, and all of it up: who pushes again because it does not run gets it started. */
async function isAsServed(current: ReleaseWithConfig, artifact: Artifact, { store }: DeployDeps): Promise<boolean> {
  if (current.artifactId !== artifact.id) return false;
  if (!sameConfig(await store.configVars.get(current.appId), current.config)) return false;
  const types = new Set(formationTypes(artifact));
  const formation = (await store.formations.list(current.appId)).filter(({ type }) => types.has(type));
  const up = (await store.instances.listActive(current.appId)).filter(({ state }) => state === 'up');
  return formation.flatMap(slotsOf).every((slot) => up.some((instance) => isIn(slot, instance)));
}

async function launch(
  app: App,
  made: Release,
  { output, pusherOnly }: Heard,
  { deps, signal }: { deps: DeployDeps; signal: AbortSignal },
): Promise<void> {
  const tell = () =>
    output.detail('Still starting: a web process is up when it listens on 0.0.0.0, on the port that PORT says');
  const starting = setTimeout(tell, tellStartingMs);
  try {
    await rollOut(app, made, deps, signal);
  } catch (error) {
    if (error instanceof StartFailed) {
      await showLastWords(error, made, pusherOnly, deps).catch((second: unknown) =>
        deps.logger.warn('the last words of a failed start could not be shown', { error: second, app: app.name }),
      );
    }
    if (errorCode(error) === 'start_failed' || errorCode(error) === 'no_capacity' || errorCode(error) === 'timeout') {
      const current = await currentRelease(app, deps.store);
      if (current?.artifactId) output.warn(`v${current.version} goes on serving.`);
    }
    throw error;
  } finally {
    clearTimeout(starting);
  }
}

/** The app's own last lines, once: mostly they say it all. */
async function showLastWords(
  { instance }: StartFailed,
  { version }: Release,
  output: BuildOutput,
  { appLog, wordsKept }: DeployDeps,
): Promise<void> {
  if (!instance) return;
  const { hostId, containerId } = instance;
  if (containerId) await wordsKept({ hostId, containerId });
  const process = processName(instance);
  const lines = await appLog.read(instance.appId, { lines: lastWords, process, source: 'app', release: version });
  if (lines.length === 0) {
    output.warn(`${process} ended without a word.`);
    return;
  }
  output.warn(`The last lines of ${process}:`);
  for (const { text } of lines) output.detail(text);
}

/** The pusher does not wait for it. Its turn comes before the next change, in which images that it might remove are taken up. */
function tidyUp({ appId }: Release, { work, environment, logger }: DeployDeps): void {
  work
    .hold(appId, () => removeOldImages({ id: appId }, environment), { purpose: 'the removal of old images' })
    .catch((error: unknown) => {
      if (!work.isClosing)
        logger.warn('images that are not kept could not be removed; the next deploy tries again', { error, appId });
    });
}
