import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'smol-toml';
import { pack } from 'tar-stream';
import { z } from 'zod';
import type { BuildOutput } from '../../domain/build.ts';
import type { Stack } from '../../domain/builder.ts';
import type { Engine, EngineInfo } from '../../domain/engine.ts';
import type { PlatformError } from '../../domain/errors.ts';
import { labelNames } from '../../domain/labels.ts';
import type { Leases } from '../../domain/leases.ts';
import type { HostTrust } from '../host-trust.ts';
import { BuildLines } from '../jail/build-lines.ts';
import { Jail, type JailHands } from '../jail/jail.ts';
import type { JailLimits } from '../jail/limits.ts';
import { root } from '../layer-tar.ts';
import type { ImageRequest } from '../strategy.ts';
import { buildpackFailed } from './build-phase.ts';
import type { Buildpack, RuntimeDecision } from './buildpack.ts';
import { buildpackEnv } from './phase.ts';
import { buildpackDir, platformFiles } from './platform-files.ts';
import type { RecordedLayer } from './recorded-layer.ts';
import { type DecisionInputs, decisionDigest, decisionInputs } from './runtime-decision.ts';
import { type OutputLine, type ResolvedRuntimes, type RuntimeFolders, RuntimeRecords } from './runtime-records.ts';
import { removeOldRuntimes } from './runtime-retention.ts';
import { splitLayers } from './split-layers.ts';

/** The same path in builds and in images, so that a path that a build writes into a file is valid at run. */
export const runtimesDir = '/runtimes';
const resultPath = '/workspace/runtime.toml';
const decisionDir = '/workspace/decision';
/** The folder in a runtime's folder for what only builds need, as headers. No image has it. */
const buildOnly = 'build-only';
/** Exit code of `bin/runtime` when the registry did not answer (EX_TEMPFAIL). */
const unreachable = 75;
/** After this time, a build looks for a newer version within the same range. */
const freshMs = 24 * 60 * 60 * 1000;

export interface PreparedRuntimes {
  /** Folders of the volume; they are complete. */
  readonly folders: RuntimeFolders;
  /** Resolves when the engine has them as layers on the run stack. They are the first layers of an app's image. */
  readonly layers: Promise<readonly RecordedLayer[]>;
}

export interface RuntimesDeps {
  readonly engine: Engine;
  readonly hands: JailHands;
  readonly leases: Leases;
  readonly platformId: string;
  readonly limits: JailLimits;
  readonly recordsDir: string;
  readonly scratchDir: string;
}

export interface RuntimeRequest {
  readonly request: ImageRequest;
  readonly info: EngineInfo;
  readonly networkId: string;
  readonly trust: HostTrust;
  readonly output: BuildOutput;
}

const resultSchema = z.object({
  runtimes: z.record(z.string().regex(/^[a-z][a-z0-9-]*$/), z.string().regex(/^[a-z0-9][\w.-]*$/)),
});

/**
 * Language runtimes that apps share. Each exists once in a volume that builds can only read and this class writes, and
 * once as a layer in the engine. Our buildpacks' `bin/runtime` makes them in a jail without any app's code, from packages
 * that are checked against their registry; so no app can change what another app gets. A second app with the same
 * Node.js version downloads and stores nothing.
 */
export class SharedRuntimes {
  readonly #deps: RuntimesDeps;
  readonly #records: RuntimeRecords;

  constructor(deps: RuntimesDeps) {
    this.#deps = deps;
    this.#records = new RuntimeRecords(deps.recordsDir);
  }

  /** The name of the volume with the runtimes. Creates it when it is missing. */
  async volume(): Promise<string> {
    const { engine, platformId } = this.#deps;
    const name = `paas-${platformId}-runtimes`;
    await engine.volumes.create(name, { [labelNames.platform]: platformId, [labelNames.role]: 'cache' });
    return name;
  }

  /**
   * Resolves when a build can use its runtimes; `layers` resolves later. Runtimes are made one at a time, because two
   * first builds at once would download everything twice. Throws `build_failed` for a version that does not exist.
   */
  async prepare(buildpack: Buildpack, decision: RuntimeDecision, runtime: RuntimeRequest): Promise<PreparedRuntimes> {
    const { request, info } = runtime;
    const inputs = await decisionInputs(decision, request.source, request.config);
    const digest = decisionDigest(inputs, buildpack.digest, info.architecture);
    const known = await this.#known(digest, request.stack.runImageId);
    if (known) await this.#records.used(digest, request.stack.runImageId, known.resolution.folders);
    if (known && known.ageMs < freshMs) {
      for (const { kind, text } of known.resolution.lines) runtime.output[kind](text);
      return { folders: known.resolution.folders, layers: Promise.resolve(known.layers) };
    }
    const folders = Promise.withResolvers<RuntimeFolders>();
    const layers = this.#deps.leases.hold(
      'round/runtimes',
      () => this.#make(buildpack, { inputs, digest, runtime, ready: folders.resolve }),
      { purpose: 'making a runtime', signal: request.signal },
    );
    layers.catch(folders.reject);
    return { folders: await folders.promise, layers };
  }

  /** Removes the runtimes that no build has used for 30 days. Holds the same lease as `prepare`, so none is being made. */
  async removeOld(now: Date, stack: Stack): Promise<void> {
    const { engine, hands, platformId, limits } = this.#deps;
    const volumes = [{ name: await this.volume(), path: runtimesDir }];
    const name = `paas-build-${platformId}-tidy`;
    const spec = {
      name,
      platformId,
      appId: null,
      buildId: 'tidy',
      image: stack.buildImageId,
      networkId: null,
    } as const;
    const remove = () =>
      removeOldRuntimes({ engine, hands, records: this.#records, now, spec: { ...spec, volumes, limits } });
    await this.#deps.leases.hold('round/runtimes', remove, { purpose: 'the removal of old runtimes' });
  }

  async #known(
    digest: string,
    runImageId: string,
  ): Promise<{ resolution: ResolvedRuntimes; layers: readonly RecordedLayer[]; ageMs: number } | null> {
    const resolution = await this.#records.resolution(digest);
    const template = resolution && (await this.#records.template(runImageId, resolution.folders));
    if (!template || !(await this.#deps.engine.images.inspect(template.imageId))) return null;
    return { resolution, layers: template.layers, ageMs: Date.now() - resolution.at };
  }

  async #make(
    buildpack: Buildpack,
    work: {
      readonly inputs: DecisionInputs;
      readonly digest: string;
      readonly runtime: RuntimeRequest;
      readonly ready: (folders: RuntimeFolders) => void;
    },
  ): Promise<readonly RecordedLayer[]> {
    const { runtime, digest, ready } = work;
    const printed: OutputLine[] = [];
    const lines = new BuildLines(recording(runtime.output, printed), (line) => line);
    await using jail = await this.#openJail(runtime, lines);
    const status = await this.#run(jail, buildpack, work);
    const before = status === unreachable ? await this.#records.resolution(digest) : null;
    if (status !== 0 && !before) throw failure(buildpack, lines);
    if (before) runtime.output.warn('Using the versions that were found when the registry last answered.');
    const resolution = before ?? (await readResult(jail, printed));
    if (!before) await this.#records.keep(digest, resolution);
    ready(resolution.folders);
    return await this.#layers(jail, resolution.folders, runtime);
  }

  async #openJail({ request, networkId }: RuntimeRequest, lines: BuildLines): Promise<Jail> {
    const { platformId, limits } = this.#deps;
    return await Jail.open(
      this.#deps,
      {
        name: `paas-build-${request.buildId}-runtime`,
        platformId,
        appId: request.app.id,
        buildId: request.buildId,
        image: request.stack.buildImageId,
        networkId,
        volumes: [{ name: await this.volume(), path: runtimesDir }],
        limits,
      },
      { output: lines, signal: request.signal },
    );
  }

  async #run(
    jail: Jail,
    buildpack: Buildpack,
    { inputs, runtime }: { readonly inputs: DecisionInputs; readonly runtime: RuntimeRequest },
  ): Promise<number> {
    const { request, info, trust } = runtime;
    const { stack } = request;
    const phase = { jail, stack, architecture: info.architecture, config: inputs.env, trust: trust.env };
    await jail.put('/', await platformFiles({ buildpacks: [buildpack], config: {}, caBundle: trust.caBundle }));
    await jail.put('/workspace', decisionTar(inputs));
    const { status } = await jail.run({
      argv: [`${buildpackDir(buildpack)}/bin/runtime`, runtimesDir, resultPath],
      env: buildpackEnv(buildpack, phase),
      cwd: decisionDir,
    });
    return status;
  }

  /** Makes an image that is never started. It keeps the layers in the engine, in one order on one stack. */
  async #layers(jail: Jail, folders: RuntimeFolders, { request }: RuntimeRequest): Promise<readonly RecordedLayer[]> {
    const { engine, platformId, limits, scratchDir } = this.#deps;
    const known = await this.#records.template(request.stack.runImageId, folders);
    if (known && (await engine.images.inspect(known.imageId))) return known.layers;
    const directory = await mkdtemp(join(scratchDir, 'runtime-'));
    try {
      const trees = runtimeTrees(folders);
      const files = await splitLayers(jail.archive(trees), {
        trees,
        owner: root,
        directory,
        maxBytes: limits.layerBytes,
      });
      const layers = files.map((file, index) => ({
        tree: trees[index] ?? { path: '', without: [] },
        fingerprint: file.diffId,
        diffId: file.diffId,
        sizeBytes: file.sizeBytes,
      }));
      const imageId = await engine.images.assemble({
        base: request.stack.runImageId,
        layers: files,
        config: { labels: { [labelNames.platform]: platformId, [labelNames.role]: 'template' } },
        tag: `paas/runtime-${platformId}:${this.#records.templateName(request.stack.runImageId, folders).slice(0, 16)}`,
      });
      await this.#records.keepTemplate(request.stack.runImageId, folders, { imageId, layers });
      return layers;
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  }
}

async function readResult(jail: Jail, printed: readonly OutputLine[]): Promise<ResolvedRuntimes> {
  const text = (await jail.read([resultPath])).get(resultPath)?.content.toString() ?? '';
  const folders = resultSchema.parse(parse(text)).runtimes;
  return { at: Date.now(), folders, lines: printed.filter(({ text }) => !text.startsWith('Installed')) };
}

function runtimeTrees(
  folders: RuntimeFolders,
): readonly { readonly path: string; readonly without: readonly string[] }[] {
  return Object.values(folders)
    .sort()
    .map((folder) => `${runtimesDir.slice(1)}/${folder}`)
    .map((path) => ({ path, without: [`${path}/${buildOnly}`] }));
}

function decisionTar({ files }: DecisionInputs): AsyncIterable<Uint8Array> {
  const tar = pack();
  tar.entry({ name: 'decision', type: 'directory', mode: 0o755 });
  for (const [path, text] of files) tar.entry({ name: `decision/${path}` }, text);
  tar.finalize();
  return tar as AsyncIterable<Uint8Array>;
}

function recording(output: BuildOutput, printed: OutputLine[]): BuildOutput {
  const record = (kind: OutputLine['kind']) => (text: string) => {
    printed.push({ kind, text });
    output[kind](text);
  };
  return { step: record('step'), detail: record('detail'), warn: record('warn') };
}

function failure(buildpack: Buildpack, lines: BuildLines): PlatformError {
  return buildpackFailed(buildpack, lines.lastWarnings, 'its runtime could not be made.');
}
