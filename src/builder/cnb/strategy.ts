import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { appOwner, appUser } from '../../domain/app-user.ts';
import { errorCode } from '../../domain/errors.ts';
import type { BuilderChoice } from '../builder-choice.ts';
import { initDigest, initPath } from '../init/init.ts';
import { announceExport, mergeProcesses } from '../processes.ts';
import type { BuildProposal, BuildStrategy, BuiltImage, ImageRequest } from '../strategy.ts';
import { configLayer } from './config-layer.ts';
import { checkControlFiles } from './control-check.ts';
import type { CnbBuild, CnbDeps } from './deps.ts';
import { candidateGroups } from './detect-phase.ts';
import { assembleImage } from './image.ts';
import { buildInJail, type JailResult } from './jail-build.ts';
import { commandLine, type LaunchPlan } from './launch-plan.ts';
import { launcherDigest, launcherPath } from './launcher.ts';
import type { Group } from './order-toml.ts';
import type { BuildRecord } from './record.ts';
import { canReuseLayers } from './reuse.ts';
import { sourceLayer } from './source-layer.ts';

/** Builds with Cloud Native Buildpacks. One container per build, and none when only the app's own files have changed. */
export function buildpackStrategy(deps: CnbDeps): BuildStrategy {
  return {
    kind: 'buildpack',
    async detect(source, choice) {
      const groups = chosenGroups(candidateGroups(source, deps.order), choice);
      await checkControlFiles(source, groups);
      return groups.length === 0 ? null : proposal(deps, groups);
    },
  };
}

/** The group of the choice's buildpacks. Without one, the groups of an order with other buildpacks, as they stand. */
function chosenGroups(groups: readonly Group[], choice: BuilderChoice | null): readonly Group[] {
  const wanted = choice?.buildpacks.join();
  const chosen = groups.filter((group) => group.map(({ buildpack }) => buildpack.id).join() === wanted);
  return chosen.length > 0 ? chosen : groups;
}

function proposal(deps: CnbDeps, groups: readonly Group[]): BuildProposal {
  const [first = []] = groups;
  return {
    kind: 'buildpack',
    name: first[0]?.buildpack.name ?? '',
    announcement: `Using buildpack: ${first.map(({ buildpack }) => buildpack.id).join(', ')}`,
    ingredients: [
      launcherDigest,
      initDigest,
      ...groups.flatMap((group) => group.map(({ buildpack }) => buildpack.digest)),
    ],
    build: (request) => build(deps, groups, request),
  };
}

async function build(deps: CnbDeps, groups: readonly Group[], request: ImageRequest): Promise<BuiltImage> {
  await mkdir(deps.scratchDir, { recursive: true, mode: 0o700 });
  const directory = await mkdtemp(join(deps.scratchDir, `${request.buildId}-`));
  try {
    // The first time they take a moment, and go on beside the build.
    deps.init.bytes(request.stack).catch(() => undefined);
    deps.accounts.of(request.stack, request.app).catch(() => undefined);
    const record = await deps.records.read(request.app.id);
    const build: CnbBuild = { deps, groups, request, directory, record };
    try {
      const serves = record && canReuseLayers(record, groups, request, deps.settings);
      return await finish(serves ? await lastResult(record, build) : await buildInJail(build), build);
    } catch (error) {
      // The engine has lost a layer of the last build. Build again without that build's record.
      if (errorCode(error) !== 'conflict' || !record) throw error;
      await deps.records.forget(request.app.id);
      const retried = { ...build, record: null, directory: await mkdtemp(join(directory, 'again-')) };
      return await finish(await buildInJail(retried), retried);
    }
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** The layers of the last build, and an app layer made from the new sources. */
async function lastResult(record: BuildRecord, { deps, request, directory }: CnbBuild): Promise<JailResult> {
  const { output } = request;
  output.step("Only the app's own files changed: everything else stays as the last build left it");
  announceExport(record.launch.processes, { builderName: record.name, procfile: request.source.procfile, output });
  const path = join(directory, 'app.tar');
  const { limits } = deps;
  const owner = appOwner(request.app);
  const app = await sourceLayer(request.source, { path, owner, maxBytes: limits.layerBytes, signal: request.signal });
  return { record, files: new Map(), app };
}

/** Makes the image, and writes the record for the next build. */
async function finish({ record, files, app }: JailResult, { deps, request, directory }: CnbBuild): Promise<BuiltImage> {
  const launch = startable(record, request);
  const [init, accounts] = await Promise.all([
    deps.init.bytes(request.stack),
    deps.accounts.of(request.stack, request.app),
  ]);
  const config = await configLayer(join(directory, 'config.tar'), { launch, group: record.group, init, accounts });
  const { layers, group, labels } = record;
  const imageId = await assembleImage(deps.engine, { app, files, launch, layers, group, labels, config }, request);
  await deps.records.write(request.app.id, { ...record, imageId });
  return {
    name: record.name,
    imageId,
    processes: launch.processes.map((process) => ({
      type: process.type,
      command: commandLine(process),
      args: [process.type],
      ...(process.stopSignal === undefined ? {} : { stopSignal: process.stopSignal }),
    })),
    launcher: launcherPath,
    user: appUser(request.app),
    init: initPath,
    exposedPorts: [],
  };
}

/** The Procfile overrides the buildpacks' processes. It is read for every image, because it is one of the app's own files. */
function startable({ launch }: BuildRecord, { source }: ImageRequest): LaunchPlan {
  const processes = mergeProcesses(source.procfile, launch.processes);
  const types = processes.all.map(({ type }) => type);
  const [only = null] = types;
  const usual = types.includes('web') ? 'web' : types.length === 1 ? only : null;
  const { defaultType } = launch;
  const keeps = defaultType !== null && types.includes(defaultType);
  return { layers: launch.layers, processes: processes.all, defaultType: keeps ? defaultType : usual };
}
