import type { App } from '../domain/app.ts';
import { type Artifact, type BuildOutput, defaultWebPort } from '../domain/build.ts';
import { sameConfig } from '../domain/config-vars.ts';
import { errorCode } from '../domain/errors.ts';
import { formationTypes } from '../domain/formation.ts';
import { processName } from '../domain/instance.ts';
import { type Lease, type LeaseWait, waitingLine } from '../domain/leases.ts';
import { type PushRequest, purposeOf } from '../domain/push.ts';
import type { Release, ReleaseWithConfig } from '../domain/release.ts';
import type { Store } from '../domain/store.ts';
import { removeOldImages } from '../provisioner/image-retention.ts';
import { isIn, slotsOf } from '../provisioner/plan.ts';
import { logOutput, teeOutput } from '../reporting/progress.ts';
import { currentRelease, type DeployDeps, makeRelease } from './releases.ts';
import { rollOut } from './roll-out.ts';
import { StartFailed } from './starting.ts';

const shownLastLines = 20;
/** A shorter wait is not worth a line. */
const reportWaitAfterMs = 1000;
/** Most apps are up by then. */
const reportStartingAfterMs = 5000;

interface Outputs {
  /** The pusher and the app's log. */
  readonly output: BuildOutput;
  /** For lines of the app's own, which its log has already. */
  readonly pusherOnly: BuildOutput;
}

/**
 * The story of a push: build, release, start, switch. A failure before the switch leaves the old release serving.
 * A push of an unchanged tree makes no release and starts nothing when its config is unchanged and all of it is up.
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
      const waiting = reportLongWait((wait) => output.step(waitingLine('launch', wait)));
      const work = (lease: Lease) => {
        waiting.end();
        return release(request, { artifact, reused }, { outputs: { output, pusherOnly: pusher }, deps, lease });
      };
      const purpose = purposeOf(request.push);
      const options = { purpose, signal: pushSignal, onWait: waiting.onWait };
      return deps.work.hold(appId, work, options).finally(() => waiting.end());
    },
    pusherGone,
  );
  tidyUp(deployed, deps);
  return deployed;
}

/** Reports each position in the waiting line, from 1 s after the call until `end`. */
function reportLongWait(report: (wait: LeaseWait) => void) {
  let latest: LeaseWait | null = null;
  let isLong = false;
  const timer = setTimeout(() => {
    isLong = true;
    if (latest) report(latest);
  }, reportWaitAfterMs);
  return {
    onWait(wait: LeaseWait) {
      latest = wait;
      if (isLong) report(wait);
    },
    end: () => clearTimeout(timer),
  };
}

/** Runs under the app's lease: no other verb changes what the app runs meanwhile. */
async function release(
  { push, actor }: PushRequest,
  { artifact, reused }: { readonly artifact: Artifact; readonly reused: boolean },
  { outputs, deps, lease }: { readonly outputs: Outputs; readonly deps: DeployDeps; readonly lease: Lease },
): Promise<Release> {
  const { store } = deps;
  const { output } = outputs;
  const app = await store.apps.get(push.appId);
  const current = await currentRelease(app, store);
  if (reused && current && (await isAsServed(current, artifact, deps))) {
    output.step(`Nothing changed: v${current.version} serves this tree already`);
    await reportWhatServes(app, artifact, { output, deps });
    return current;
  }
  output.step('Launching...');
  const description = `Deploy ${push.newCommit.slice(0, 8)}`;
  const made = await store.transaction(async (tables) => {
    await lease.check();
    return makeRelease(tables, { app, artifactId: artifact.id, cause: 'deploy', description, actor });
  });
  await launch(app, made, { outputs, deps, signal: lease.signal });
  output.detail(`Released v${made.version}`);
  await reportWhatServes(await store.apps.get(app.id), artifact, { output, deps });
  return made;
}

/** The URL is the last line. It is shown only when a web process answers it. */
async function reportWhatServes(
  app: App,
  artifact: Artifact,
  { output, deps: { store, urlOf } }: { readonly output: BuildOutput; readonly deps: DeployDeps },
): Promise<void> {
  const types = formationTypes(artifact);
  const formation = (await store.formations.list(app.id)).filter(({ type }) => types.includes(type));
  const web = formation.find(({ type }) => type === 'web');
  if (artifact.exposedPorts.length > 1) await reportPort(app, artifact, { output, store });
  const idle = web?.quantity === 0 ? web : formation.every(({ quantity }) => quantity === 0) ? formation[0] : undefined;
  if (idle) output.warn(`No ${idle.type} runs yet. Start one: paas ps:scale ${idle.type}=1 -a ${app.name}`);
  output.detail(web ? `${urlOf(app)} deployed to paas` : `Deployed to paas, with no URL: there is no web process`);
}

/** Says which of several ports web listens on, and why that one was chosen. */
async function reportPort(
  app: App,
  { exposedPorts }: Artifact,
  { output, store }: { readonly output: BuildOutput; readonly store: Store },
): Promise<void> {
  const web = (await store.instances.listActive(app.id)).filter(({ type, state }) => type === 'web' && state === 'up');
  const port = web.at(-1)?.port ?? null;
  if (port === null) return;
  const all = exposedPorts.join(', ');
  const why =
    port === defaultWebPort ? 'as PORT says' : `the lowest exposed port that answers; PORT is ${defaultWebPort}`;
  output.detail(`web is served on port ${port}, ${why} (exposed: ${all})`);
}

/** The current release has this artifact and this config, and its whole formation is up: a push starts what is not up. */
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
  { outputs, deps, signal }: { readonly outputs: Outputs; readonly deps: DeployDeps; readonly signal: AbortSignal },
): Promise<void> {
  const { output, pusherOnly } = outputs;
  const report = () =>
    output.detail('Still starting: a web process is up when it listens on 0.0.0.0, on the port that PORT says');
  const starting = setTimeout(report, reportStartingAfterMs);
  try {
    await rollOut(made, deps, signal);
  } catch (error) {
    if (error instanceof StartFailed) {
      await showLastLines(error, made, { output: pusherOnly, deps }).catch((second: unknown) =>
        deps.logger.warn('the last lines of a failed start could not be shown', { error: second, app: app.name }),
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

/** Shows the last lines of the app's own output. They mostly say why it did not start. */
async function showLastLines(
  { instance }: StartFailed,
  { version }: Release,
  { output, deps: { appLog, outputKept } }: { readonly output: BuildOutput; readonly deps: DeployDeps },
): Promise<void> {
  if (!instance) return;
  const { hostId, containerId } = instance;
  if (containerId) await outputKept({ hostId, containerId });
  const process = processName(instance);
  const lines = await appLog.read(instance.appId, { lines: shownLastLines, process, source: 'app', release: version });
  if (lines.length === 0) {
    output.warn(`${process} ended without output.`);
    return;
  }
  output.warn(`The last lines of ${process}:`);
  for (const { text } of lines) output.detail(text);
}

/** The pusher does not wait for this. It asks for the lease at once, so that the next deploy cannot release an image that it removes. */
function tidyUp({ appId }: Release, { work, environment, logger }: DeployDeps): void {
  work
    .hold(appId, () => removeOldImages({ id: appId }, environment), { purpose: 'the removal of old images' })
    .catch((error: unknown) => {
      if (!work.isClosing)
        logger.warn('old images could not be removed; the next deploy tries again', { error, appId });
    });
}
