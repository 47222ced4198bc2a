import type { App } from './domain/app.ts';
import type { Artifact, BuildOutput } from './domain/build.ts';
import type { ConfigVars } from './domain/config-vars.ts';
import { errorCode } from './domain/errors.ts';
import { processName } from './domain/instance.ts';
import type { PushRequest } from './domain/push.ts';
import type { Release } from './domain/release.ts';
import { currentRelease, type DeployDependencies, makeRelease } from './operations/releases.ts';
import { rollOut, StartFailed } from './operations/roll-out.ts';
import { logOutput, teeOutput } from './reporting/progress.ts';

const lastWords = 20;

/**
 * The story of a push: build, release, start, switch. What fails before the switch leaves the old release serving.
 * An unchanged tree with unchanged config makes no release and starts nothing.
 */
export async function deployPush(
  request: PushRequest,
  pusher: BuildOutput,
  { deps, signal }: { deps: DeployDependencies; signal: AbortSignal },
): Promise<Release> {
  const { store, builder, turns } = deps;
  const app = await store.apps.get(request.push.appId);
  const output = teeOutput(pusher, logOutput(deps.appLog, app.id));
  const config = await store.configVars.get(app.id);
  const { artifact, reused } = await builder.build(
    { app, pushId: request.push.id, source: request.source, config, actor: request.actor },
    output,
    signal,
  );

  return turns.run(
    app.id,
    async () => {
      const current = await currentRelease(deps, app.id);
      if (reused && current && (await isAsServed(current, artifact, deps))) {
        output.step(`Nothing changed: v${current.version} serves this tree already`);
        output.detail(`${deps.urlOf(app)} deployed to paas`);
        return current;
      }
      output.step('Launching...');
      const description = `Deploy ${request.push.newCommit.slice(0, 8)}`;
      const release = await store.transaction((tables) =>
        makeRelease(tables, { app, artifactId: artifact.id, cause: 'deploy', description, actor: request.actor }),
      );
      await launch(app, release, output, { deps, signal });
      output.detail(`Released v${release.version}`);
      output.detail(`${deps.urlOf(app)} deployed to paas`);
      return release;
    },
    signal,
  );
}

async function isAsServed(current: Release, artifact: Artifact, { store }: DeployDependencies): Promise<boolean> {
  if (current.artifactId !== artifact.id) return false;
  const [now, then] = [await store.configVars.get(current.appId), (await store.releases.find(current.id))?.config];
  return JSON.stringify(sorted(now)) === JSON.stringify(sorted(then ?? {}));
}

function sorted(config: ConfigVars): readonly (readonly [string, string])[] {
  return Object.entries(config).sort(([a], [b]) => (a < b ? -1 : 1));
}

async function launch(
  app: App,
  release: Release,
  output: BuildOutput,
  { deps, signal }: { deps: DeployDependencies; signal: AbortSignal },
): Promise<void> {
  try {
    await rollOut(app, release, deps, signal);
  } catch (error) {
    if (error instanceof StartFailed) await showLastWords(error, release, output, deps);
    if (errorCode(error) === 'start_failed' || errorCode(error) === 'no_capacity' || errorCode(error) === 'timeout') {
      const current = await currentRelease(deps, app.id);
      if (current?.artifactId) output.warn(`v${current.version} goes on serving.`);
    }
    throw error;
  }
}

/** The app's own last lines, once: mostly they say it all. */
async function showLastWords(
  { instance }: StartFailed,
  release: Release,
  output: BuildOutput,
  { appLog, wordsKept }: DeployDependencies,
): Promise<void> {
  if (!instance) return;
  if (instance.containerId) await wordsKept(instance.containerId);
  const process = processName(instance);
  const lines = await appLog.read(instance.appId, {
    lines: lastWords,
    process,
    source: 'app',
    release: release.version,
  });
  if (lines.length === 0) {
    output.warn(`${process} ended without a word.`);
    return;
  }
  output.warn(`The last lines of ${process}:`);
  for (const { text } of lines) output.detail(text);
}
