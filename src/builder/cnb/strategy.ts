import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { BuildOutput } from '../../domain/build.ts';
import { type Engine, type EngineInfo, labelNames } from '../../domain/engine.ts';
import { errorCode } from '../../domain/errors.ts';
import type { SettingsDigest } from '../build-key.ts';
import { builderGeneration, stackParts } from '../build-key.ts';
import { hostTrust } from '../host-trust.ts';
import { BuildLines } from '../jail/build-lines.ts';
import { concealer } from '../jail/conceal.ts';
import { Jail } from '../jail/jail.ts';
import type { JailLimits } from '../jail/limits.ts';
import { LimitedOutput } from '../limited-output.ts';
import { defaultNpmRegistry } from '../npm-registry.ts';
import { announceProcesses, mergeProcesses } from '../processes.ts';
import type { BuildOrder, BuildProposal, BuildStrategy, BuiltImage, Source } from '../strategy.ts';
import { buildGroup } from './build-phase.ts';
import { configLayer } from './config-layer.ts';
import { candidateGroups, detectGroup } from './detect-phase.ts';
import { exportLayers, printOfSource } from './export-phase.ts';
import { appUser, assembleImage, type ImageParts } from './image.ts';
import { launchDefaults, launchLayers } from './launch-phase.ts';
import { commandLine, type LaunchPlan } from './launch-plan.ts';
import { launcherPath } from './launcher.ts';
import type { Group } from './library.ts';
import type { PhaseInputs } from './phase.ts';
import { platformFiles } from './platform-files.ts';
import type { BuildRecord, BuildRecords } from './record.ts';
import { recordedToml, restoreLayers } from './restore-phase.ts';
import { lastLayersServe, recordedGroup, recordedInputs } from './reuse.ts';
import { sourceLayer } from './source-layer.ts';

export interface CnbParts {
  readonly engine: Engine;
  readonly platformId: string;
  readonly order: readonly Group[];
  readonly records: BuildRecords;
  readonly settings: SettingsDigest;
  readonly limits: JailLimits;
  /** Where layers lie while an image is put together. */
  readonly scratchDir: string;
  /** The network of a place for builds. */
  readonly networkOf: (slot: number) => Promise<string>;
}

/** Cloud Native Buildpacks. One container per build, and none at all when only the app's own files have changed. */
export function buildpackStrategy(parts: CnbParts): BuildStrategy {
  return {
    kind: 'buildpack',
    async detect(source) {
      const groups = candidateGroups(source, parts.order);
      return groups.length === 0 ? null : proposal(parts, source, groups);
    },
  };
}

function proposal(parts: CnbParts, _source: Source, groups: readonly Group[]): BuildProposal {
  const [first = []] = groups;
  const name = first[0]?.buildpack.name ?? '';
  return {
    kind: 'buildpack',
    name,
    announcement: `Using buildpack: ${first.map(({ buildpack }) => buildpack.id).join(', ')}`,
    ingredients: groups.flatMap((group) => group.map(({ buildpack }) => buildpack.digest)),
    build: (order) => build(parts, groups, order),
  };
}

async function build(parts: CnbParts, groups: readonly Group[], order: BuildOrder): Promise<BuiltImage> {
  await mkdir(parts.scratchDir, { recursive: true, mode: 0o700 });
  const directory = await mkdtemp(join(parts.scratchDir, `${order.buildId}-`));
  try {
    const record = await parts.records.read(order.app.id);
    try {
      if (record && lastLayersServe(record, groups, order, parts.settings)) {
        return await buildFromLast(record, { parts, order, directory });
      }
      return await buildInJail({ parts, groups, order, directory, record });
    } catch (error) {
      // The engine has lost a layer of the last build, so nothing of that build can be counted on.
      if (errorCode(error) !== 'conflict' || !record) throw error;
      await parts.records.forget(order.app.id);
      const again = await mkdtemp(join(directory, 'again-'));
      return await buildInJail({ parts, groups, order, directory: again, record: null });
    }
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** The layers of the last build under the sources of this one. */
async function buildFromLast(
  record: BuildRecord,
  { parts, order, directory }: { parts: CnbParts; order: BuildOrder; directory: string },
): Promise<BuiltImage> {
  order.output.step("Only the app's own files changed: everything else stays as the last build left it");
  const app = await sourceLayer(order.source, {
    path: join(directory, 'app.tar'),
    maxBytes: parts.limits.layerBytes,
    signal: order.signal,
  });
  const launch = processesInto(record, order);
  return await finish(record, { app, files: new Map(), launch }, { parts, order, directory });
}

interface JailBuild {
  readonly parts: CnbParts;
  readonly groups: readonly Group[];
  readonly order: BuildOrder;
  readonly directory: string;
  readonly record: BuildRecord | null;
}

async function buildInJail({ parts, groups, order, directory, record }: JailBuild): Promise<BuiltImage> {
  const { engine, limits } = parts;
  const output = new LimitedOutput(order.output, { maxBytes: limits.outputBytes });
  const lines = new BuildLines(output, concealer(order.config));
  const made = await (async () => {
    const [volume, info, known] = await Promise.all([
      ownVolume(parts, order),
      engine.info(),
      knownDiffIds(engine, record, order),
    ]);
    await using jail = await Jail.open(
      engine,
      {
        platformId: parts.platformId,
        appId: order.app.id,
        buildId: order.buildId,
        image: order.stack.buildImageId,
        networkId: await parts.networkOf(order.slot),
        volume,
        limits,
      },
      { hear: (chunk) => lines.write(chunk), signal: order.signal },
    );
    const inputs = await furnish(jail, { groups, order, info });
    const usable = known.size > 0 ? record : null;
    await restoreLayers(
      groups.flatMap((group) => group.map(({ buildpack }) => buildpack)),
      usable,
      inputs,
    );
    const sourcePrint = await printOfSource(jail);
    const resolution = await detectGroup(groups, inputs);
    order.output.step(`${resolution.group[0]?.buildpack.name} app detected`);
    const built = await buildGroup(resolution, inputs, () => lines.lastWarnings);
    const defaults = launchDefaults(built);
    const launchedLayers = await launchLayers(built, { jail, record: usable });
    const exported = await exportLayers(built, {
      jail,
      record: usable,
      knownDiffIds: known,
      slices: defaults.slices,
      sourcePrint,
      directory,
      maxBytes: limits.layerBytes,
    });
    return { built, defaults, launchedLayers, exported };
  })().finally(() => {
    lines.end();
    output.end();
  });

  const { built, defaults, exported } = made;
  const name = built[0]?.buildpack.name ?? '';
  const fresh: BuildRecord = {
    generation: builderGeneration,
    name,
    imageId: '',
    group: recordedGroup(built, recordedToml),
    stack: stackParts(order.stack),
    inputs: recordedInputs(built, { sourcesUntouched: exported.appDiffId === null, order, settings: parts.settings }),
    layers: exported.layers,
    launch: { layers: made.launchedLayers, processes: defaults.processes, defaultType: defaults.defaultType },
    labels: defaults.labels,
  };
  const app =
    exported.files.get('app') ??
    (await sourceLayer(order.source, {
      path: join(directory, 'app.tar'),
      maxBytes: limits.layerBytes,
      signal: order.signal,
    }));
  const launch = processesInto(fresh, order);
  return await finish(fresh, { app, files: exported.files, launch }, { parts, order, directory });
}

/** Brings in everything that is not the volume's: the platform's files first, because the source is somebody else's. */
async function furnish(
  jail: Jail,
  { groups, order, info }: { groups: readonly Group[]; order: BuildOrder; info: EngineInfo },
): Promise<PhaseInputs> {
  const trust = hostTrust();
  const registry = trust.env.npm_config_registry ?? defaultNpmRegistry();
  const buildpacks = groups.flatMap((group) => group.map(({ buildpack }) => buildpack));
  await jail.put('/', await platformFiles({ buildpacks, config: order.config, caBundle: trust.caBundle }));
  const archive = await order.source.tree.archive(order.signal);
  await jail.put('/app', archive as AsyncIterable<Uint8Array>);
  return {
    jail,
    stack: order.stack,
    architecture: info.architecture,
    config: order.config,
    trust: { ...(registry === undefined ? {} : { npm_config_registry: registry }), ...trust.env },
  };
}

/** The app's own cache. Never another app's: a build could leave a surprise in it. */
async function ownVolume({ engine, platformId }: CnbParts, { app }: BuildOrder): Promise<string> {
  const name = cacheVolumeName(platformId, app.id);
  await engine.volumes.create(name, {
    [labelNames.platform]: platformId,
    [labelNames.app]: app.id,
    [labelNames.role]: 'cache',
  });
  return name;
}

export function cacheVolumeName(platformId: string, appId: string): string {
  return `paas-${platformId}-cache-${appId}`;
}

/** Layers that need not be made again, because the engine has them: none, when the stack below them is another one now. */
async function knownDiffIds(
  engine: Engine,
  record: BuildRecord | null,
  { stack }: BuildOrder,
): Promise<ReadonlySet<string>> {
  if (!record || JSON.stringify(record.stack) !== JSON.stringify(stackParts(stack))) return new Set();
  return new Set((await engine.images.inspect(record.imageId))?.diffIds);
}

function processesInto(
  { launch, name }: BuildRecord,
  { source, output }: { source: Source; output: BuildOutput },
): LaunchPlan {
  const processes = mergeProcesses(source.procfile, launch.processes);
  announceProcesses(processes, name, output);
  const { defaultType } = launch;
  const types = processes.all.map(({ type }) => type);
  const [only] = types;
  const fallback = types.includes('web') ? 'web' : types.length === 1 ? (only ?? null) : null;
  return {
    layers: launch.layers,
    processes: processes.all,
    defaultType: defaultType !== null && types.includes(defaultType) ? defaultType : fallback,
  };
}

/** The image, and the record for the next build. */
async function finish(
  record: BuildRecord,
  made: Pick<ImageParts, 'app' | 'files' | 'launch'>,
  { parts, order, directory }: { parts: CnbParts; order: BuildOrder; directory: string },
): Promise<BuiltImage> {
  const { launch } = made;
  const config = await configLayer(join(directory, 'config.tar'), { launch, group: record.group });
  const { layers, group, labels } = record;
  const imageId = await assembleImage(parts.engine, { ...made, layers, group, labels, config }, order);
  await parts.records.write(order.app.id, { ...record, imageId });
  return {
    name: record.name,
    imageId,
    processes: launch.processes.map((process) => ({
      type: process.type,
      command: commandLine(process),
      args: [process.type],
    })),
    launcher: launcherPath,
    user: appUser,
    exposedPort: null,
  };
}
