import { join } from 'node:path';
import { appOwner, buildUser } from '../../domain/app-user.ts';
import type { Engine } from '../../domain/engine.ts';
import type { LayerFile } from '../../domain/images.ts';
import { labelNames } from '../../domain/labels.ts';
import { builderGeneration, stackParts } from '../build-key.ts';
import { buildTrust } from '../build-trust.ts';
import { DiskWatch, lastDisk } from '../full-disk.ts';
import { HeldOutput } from '../held-output.ts';
import type { HostTrust } from '../host-trust.ts';
import { BuildLines } from '../jail/build-lines.ts';
import { concealer } from '../jail/conceal.ts';
import { Jail } from '../jail/jail.ts';
import { LimitedOutput } from '../limited-output.ts';
import { announceExport } from '../processes.ts';
import type { ImageRequest } from '../strategy.ts';
import { type BuiltByBuildpack, buildGroup } from './build-phase.ts';
import type { Buildpack } from './buildpack.ts';
import type { CnbBuild, CnbDeps } from './deps.ts';
import { detectGroup } from './detect-phase.ts';
import { type ExportedLayers, exportLayers, fingerprintSource, planLayers } from './export-phase.ts';
import { type LaunchDefaults, launchDefaults, launchLayers } from './launch-phase.ts';
import type { LaunchLayer } from './launch-plan.ts';
import { layersDir, type PhaseInputs } from './phase.ts';
import { platformDir, platformFiles, runtimeFiles } from './platform-files.ts';
import type { BuildRecord } from './record.ts';
import { recordedToml, restoreLayers } from './restore-phase.ts';
import { recordedGroup, recordedInputs } from './reuse.ts';
import { type PreparedRuntimes, runtimesDir } from './runtimes.ts';
import { sourceLayer } from './source-layer.ts';

/** The result of a build in a jail: all that the image is made of, and its record with an empty image id. */
export interface JailResult {
  readonly record: BuildRecord;
  /** The layers that this build made, by their path in the image. */
  readonly files: ReadonlyMap<string, LayerFile>;
  readonly app: LayerFile;
}

/** A whole build: detect, restore, build and export in one container, with the app's own volume for its caches. */
export async function buildInJail(whole: CnbBuild): Promise<JailResult> {
  const { deps, directory } = whole;
  using disk = new DiskWatch(deps.hands, lastDisk(deps.limits));
  const request = { ...whole.request, signal: AbortSignal.any([whole.request.signal, disk.signal]) };
  const build = { ...whole, request };
  const output = new LimitedOutput(request.output, { maxBytes: deps.limits.outputBytes });
  const lines = new BuildLines(output, concealer(request.config));
  const held = new HeldOutput(output);
  const trust = buildTrust();
  const runtimes = prepareRuntimes(build, { trust, output: held });
  try {
    const made = await runPhases(build, { lines, output, held, trust, runtimes });
    const app =
      made.exported.files.get('app') ??
      (await sourceLayer(request.source, {
        path: join(directory, 'app.tar'),
        owner: appOwner(request.app),
        maxBytes: deps.limits.layerBytes,
        signal: request.signal,
      }));
    const prepared = await runtimes;
    const runtimeLayers = (await prepared?.layers) ?? [];
    const record = recordOf(made, build);
    return {
      record: { ...record, runtimes: prepared?.folders ?? {}, layers: [...runtimeLayers, ...record.layers] },
      files: made.exported.files,
      app,
    };
  } finally {
    // Waited for after a failed build too: the next build can then use these runtimes.
    await Promise.allSettled([runtimes.then((prepared) => prepared?.layers)]);
    held.release();
    output.end();
  }
}

/** Runs while the jail opens, because both take about the same time. Null when no buildpack has shared runtimes. */
async function prepareRuntimes(
  { deps, groups, request }: CnbBuild,
  { trust, output }: { readonly trust: HostTrust; readonly output: HeldOutput },
): Promise<PreparedRuntimes | null> {
  const [first = []] = groups;
  const buildpack = first.map((member) => member.buildpack).find(({ planning }) => planning?.runtime);
  const decision = buildpack?.planning?.runtime;
  if (!buildpack || !decision) return null;
  const [info, networkId] = await Promise.all([deps.engine.info(), deps.networkOf(request.worker)]);
  return await deps.runtimes.prepare(buildpack, decision, { request, info, networkId, trust, output });
}

interface Made {
  readonly built: readonly BuiltByBuildpack[];
  readonly defaults: LaunchDefaults;
  readonly launchedLayers: readonly LaunchLayer[];
  readonly exported: ExportedLayers;
}

async function runPhases(
  build: CnbBuild,
  context: {
    readonly lines: BuildLines;
    readonly output: LimitedOutput;
    readonly held: HeldOutput;
    readonly trust: HostTrust;
    readonly runtimes: Promise<PreparedRuntimes | null>;
  },
): Promise<Made> {
  const { deps, groups, request, directory } = build;
  const { lines } = context;
  // The rejection is handled where the promise is awaited, below.
  context.runtimes.catch(() => undefined);
  const known = await knownDiffIds(deps.engine, build.record, request);
  const record = known.size > 0 ? build.record : null;
  await using jail = await openJail(build, lines);
  const inputs = await fillJail(jail, build, context.trust);
  const buildpacks = groups.flatMap((group) => group.map(({ buildpack }) => buildpack));
  await restoreLayers(buildpacks, record, inputs);
  const sourceFingerprint = await fingerprintSource(jail);
  const resolution = await detectGroup(groups, inputs);
  context.output.step(`${buildpackName(resolution.group)} app detected`);
  context.held.release();
  const folders = (await context.runtimes)?.folders ?? {};
  await jail.put(platformDir, runtimeFiles(pathsOf(folders)));
  const built = await buildGroup(resolution, inputs, () => lines.lastWarnings);
  const defaults = launchDefaults(built);
  const launchedLayers = await launchLayers(built, { jail, record });
  // Before the announcement: when a buildpack broke its contract, that error explains why there is nothing to run.
  const planned = await planLayers(built, { jail, record, slices: defaults.slices });
  announceExport(defaults.processes, {
    builderName: buildpackName(resolution.group),
    procfile: request.source.procfile,
    output: context.output,
  });
  const exported = await exportLayers(planned, {
    jail,
    record,
    knownDiffIds: known,
    baseUnchanged: JSON.stringify(pathsOf(record?.runtimes ?? {})) === JSON.stringify(pathsOf(folders)),
    sourceFingerprint,
    directory,
    owner: appOwner(request.app),
    maxBytes: deps.limits.layerBytes,
  });
  return { built, defaults, launchedLayers, exported };
}

function buildpackName(group: readonly { readonly buildpack: Buildpack }[]): string {
  return group[0]?.buildpack.name ?? '';
}

function pathsOf(folders: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const sorted = Object.entries(folders).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(sorted.map(([name, folder]) => [name, `${runtimesDir}/${folder}`]));
}

async function openJail({ deps, groups, request }: CnbBuild, lines: BuildLines): Promise<Jail> {
  const { platformId, limits } = deps;
  const shares = groups[0]?.some(({ buildpack }) => buildpack.planning?.runtime) ?? false;
  const [cache, networkId] = await Promise.all([ownVolume(deps, request), deps.networkOf(request.worker)]);
  const shared = shares ? [{ name: await deps.runtimes.volume(), path: runtimesDir, readOnly: true }] : [];
  return await Jail.open(
    deps,
    {
      name: `paas-build-${request.buildId}`,
      platformId,
      appId: request.app.id,
      buildId: request.buildId,
      image: request.stack.buildImageId,
      user: buildUser(request.app),
      networkId,
      volumes: [{ name: cache, path: layersDir }, ...shared],
      limits,
    },
    { output: lines, signal: request.signal },
  );
}

/** Puts the platform's files and the source into the jail. The platform's files come first, because the source is not trusted. */
async function fillJail(jail: Jail, { deps, groups, request }: CnbBuild, trust: HostTrust): Promise<PhaseInputs> {
  const buildpacks = groups.flatMap((group) => group.map(({ buildpack }) => buildpack));
  await jail.put('/', await platformFiles({ buildpacks, config: request.config, caBundle: trust.caBundle }));
  const archive = await request.source.tree.archive(request.signal);
  await jail.put('/app', archive as AsyncIterable<Uint8Array>);
  const { architecture } = await deps.engine.info();
  return { jail, stack: request.stack, architecture, config: request.config, trust: trust.env };
}

/**
 * The volume with the app's cache. Apps never share one: a build could plant files in it for another app. After a purge it
 * is another one, and the volumes before it are removed here, because until then a build may have been using one.
 */
async function ownVolume({ engine, platformId }: CnbDeps, { app }: ImageRequest): Promise<string> {
  const { id, cacheGeneration } = app;
  const name = `paas-${platformId}-cache-${id}${cacheGeneration === 0 ? '' : `-${cacheGeneration}`}`;
  const labels = { [labelNames.platform]: platformId, [labelNames.app]: id, [labelNames.role]: 'cache' };
  await engine.volumes.create(name, labels);
  const purged = cacheGeneration === 0 ? [] : (await engine.volumes.list(labels)).filter((each) => each.name !== name);
  // What cannot be removed now is removed by the next build, or with the app.
  await Promise.allSettled(purged.map((volume) => engine.volumes.remove(volume.name)));
  return name;
}

/** Layers of the last image that the engine still has. None when the stack has changed, because it is below the layers. */
async function knownDiffIds(
  engine: Engine,
  record: BuildRecord | null,
  { stack }: ImageRequest,
): Promise<ReadonlySet<string>> {
  if (!record || JSON.stringify(record.stack) !== JSON.stringify(stackParts(stack))) return new Set();
  return new Set((await engine.images.inspect(record.imageId))?.diffIds);
}

function recordOf(made: Made, { deps, request }: CnbBuild): BuildRecord {
  const { built, defaults, exported } = made;
  const sourcesUntouched = exported.appDiffId === null;
  return {
    generation: builderGeneration,
    name: buildpackName(built),
    imageId: '',
    group: recordedGroup(built, recordedToml),
    stack: stackParts(request.stack),
    inputs: recordedInputs(built, { sourcesUntouched, request, settings: deps.settings }),
    runtimes: {},
    layers: exported.layers,
    launch: { layers: made.launchedLayers, processes: defaults.processes, defaultType: defaults.defaultType },
    labels: defaults.labels,
  };
}
