import { join } from 'node:path';
import { paths, type Settings } from '../config/settings.ts';
import type { App } from '../domain/app.ts';
import type { Artifact, BuildOutput } from '../domain/build.ts';
import type { Builder, BuildRequest, BuildResult, Stack } from '../domain/builder.ts';
import type { Engine } from '../domain/engine.ts';
import type { StepRules } from '../domain/host-hands.ts';
import { labelNames } from '../domain/labels.ts';
import type { Leases } from '../domain/leases.ts';
import type { Store } from '../domain/store.ts';
import type { Logger } from '../system/logger.ts';
import { buildKey, SettingsDigest } from './build-key.ts';
import { BuildQueue } from './build-queue.ts';
import { BuildWriter, type NewArtifact } from './build-writer.ts';
import { type BuilderChoice, chooseBuilder } from './builder-choice.ts';
import { AccountFiles } from './cnb/account-files.ts';
import { readOrder } from './cnb/order-toml.ts';
import { BuildRecords } from './cnb/record.ts';
import { SharedRuntimes } from './cnb/runtimes.ts';
import { buildpackStrategy } from './cnb/strategy.ts';
import { type BuildHands, dockerfileStrategy } from './dockerfile/strategy.ts';
import { refuseOnFullDisk } from './full-disk.ts';
import { InitProgram } from './init/init.ts';
import type { JailHands } from './jail/jail.ts';
import { type JailLimits, jailLimits } from './jail/limits.ts';
import { buildNetworks } from './networks.ts';
import { nothingDetected } from './nothing-detected.ts';
import { readSource } from './source.ts';
import { findStacks } from './stack.ts';
import { removeOtherStacks } from './stack-retention.ts';
import type { BuildProposal, BuildStrategy, Source } from './strategy.ts';
import { buildContainers, endAbandonedBuilds, sweepBuilds } from './sweep.ts';

/** BuildKit's cache belongs to the engine's other users too. Beyond this size, entries that were unused for two days are removed. */
const buildCache = { keepBytes: 10 * 1024 ** 3, unusedForMs: 2 * 24 * 60 * 60_000 } as const;

export interface BuilderDeps {
  readonly engine: Engine;
  /** On the engine's host. */
  readonly hands: BuildHands & JailHands;
  readonly store: Store;
  readonly leases: Leases;
  readonly settings: Pick<
    Settings,
    'home' | 'buildSlots' | 'buildTimeoutMs' | 'buildDiskBytes' | 'networkPool' | 'stackSuite' | 'closeMetadata'
  >;
  /** The current stacks. Makes them when they are missing. */
  readonly stack: () => Promise<Stack>;
  readonly platformId: string;
  readonly logger: Logger;
  /** Our own buildpacks, with their order.toml. */
  readonly buildpacksDir: string;
  /** Replace the limits of `jailLimits`. */
  readonly limits?: Partial<JailLimits>;
}

/** The builder, with the calls that only the orchestrator makes. */
export interface PlatformBuilder extends Builder {
  /** Ends the builds that an earlier run left unfinished. Call it at the start, before the first build. */
  sweep(): Promise<void>;
  /**
   * Removes unused shared runtimes, stacks of other recipes, and old entries of BuildKit's cache. Also removes the
   * containers and ends the rows of builds whose own end failed. Does nothing while a build runs.
   */
  tidy(now: Date): Promise<void>;
  /** Rejects the calls whose builds still wait. The builds stay in the queue for the next start. */
  close(): void;
  /** Removes the record for an app's next build from disk. The app's images and volume are found by their label. */
  forget(appId: string): Promise<void>;
}

/** Reads and starts nothing before the first call. */
export function createBuilder(deps: BuilderDeps): PlatformBuilder {
  const { engine, store, settings, platformId, logger } = deps;
  const recordsDir = join(paths(settings.home).cache, 'builds');
  const scratchDir = join(recordsDir, 'scratch');
  const limits: JailLimits = {
    ...jailLimits,
    wallMs: settings.buildTimeoutMs,
    diskBytes: settings.buildDiskBytes,
    ...deps.limits,
  };
  const records = new BuildRecords(recordsDir);
  const queue = new BuildQueue(store, settings.buildSlots);
  const writer = new BuildWriter(store, logger);
  let opened: Promise<BuildTools> | undefined;
  const tools = () => {
    opened ??= openTools({ ...deps, records, recordsDir, scratchDir, limits });
    return opened;
  };

  let underWay = 0;

  return {
    async build(request, output, signal) {
      underWay += 1;
      try {
        const stepRules = { platformId, closeMetadata: settings.closeMetadata };
        return await build(request, {
          ...deps,
          stepRules,
          limits,
          output,
          signal,
          queue,
          writer,
          tools: await tools(),
        });
      } finally {
        underWay -= 1;
      }
    },
    async tidy(now) {
      const begun = new Date();
      const left = await buildContainers(engine, platformId);
      if (underWay > 0) return;
      // A full disk may have prevented the write of their end. While a row says that a build runs, its app's images stay.
      await endAbandonedBuilds(store, {
        states: ['building', 'queued'],
        reason: 'The end of the build could not be recorded.',
        madeBefore: begun,
      });
      for (const { id } of left) await engine.containers.remove(id);
      const { runtimes } = await tools();
      const stack = await findStacks(engine, settings);
      if (stack) await runtimes.removeOld(now, stack);
      await removeOtherStacks(engine, { settings, platformId });
      await engine.images.trimBuildCache(buildCache);
    },
    sweep: () => sweepBuilds({ engine, store, platformId, recordsDir, scratchDir, logger }),
    close: () => queue.close(),
    forget: (appId) => records.forget(appId),
  };
}

/** What all builds share, opened at the first one. */
interface BuildTools {
  readonly strategies: readonly BuildStrategy[];
  readonly settings: SettingsDigest;
  readonly runtimes: SharedRuntimes;
  readonly records: BuildRecords;
}

async function openTools(
  deps: BuilderDeps & {
    readonly records: BuildRecords;
    readonly recordsDir: string;
    readonly scratchDir: string;
    readonly limits: JailLimits;
  },
): Promise<BuildTools> {
  const { engine, hands, leases, platformId, limits, records, recordsDir, scratchDir } = deps;
  const [order, settings] = await Promise.all([readOrder(deps.buildpacksDir), SettingsDigest.open(recordsDir)]);
  const networkOf = buildNetworks(engine, { platformId, pool: deps.settings.networkPool });
  const runtimes = new SharedRuntimes({ engine, hands, leases, platformId, limits, recordsDir, scratchDir });
  const init = new InitProgram({ engine, hands, platformId, limits, cacheDir: recordsDir });
  const accounts = new AccountFiles({ engine, hands, platformId, limits, cacheDir: recordsDir });
  // A Dockerfile comes first, because it says exactly what its author wants.
  const strategies = [
    dockerfileStrategy({ engine, hands, platformId, limits, init }),
    buildpackStrategy({
      engine,
      hands,
      init,
      accounts,
      platformId,
      order,
      records,
      runtimes,
      settings,
      limits,
      scratchDir,
      networkOf,
    }),
  ];
  return { strategies, settings, runtimes, records };
}

interface BuildDeps extends Pick<BuilderDeps, 'engine' | 'hands' | 'store' | 'stack' | 'platformId'> {
  readonly stepRules: StepRules;
  readonly output: BuildOutput;
  readonly signal: AbortSignal;
  readonly queue: BuildQueue;
  readonly writer: BuildWriter;
  readonly limits: JailLimits;
  readonly tools: BuildTools;
}

/** The steps of a build: detect, look for an equal artifact, wait for a worker, build, write the result. */
async function build(request: BuildRequest, deps: BuildDeps): Promise<BuildResult> {
  const { output, signal, queue, writer, tools } = deps;
  const { actor } = request;
  const stack = await deps.stack();
  output.step(`Building on the ${stack.name} stack`);
  const source = await readSource(request.source, output);
  const choice = chooseBuilder(source);
  const proposal = await propose(source, choice, tools);
  output.step(proposal.announcement);
  for (const reason of choice?.reasons ?? []) output.detail(reason);
  for (const warning of choice?.warnings ?? []) output.warn(warning);
  const settings = tools.settings.of(request.config);
  const keyOf = ({ cacheGeneration }: App) =>
    buildKey(proposal, { treeId: source.tree.treeId, stack, settings, cacheGeneration });

  const queued = request.queued ?? (await writer.queued(request));
  let begun = false;
  try {
    const before = await findArtifact(request, keyOf(await currentApp(request, deps)), deps);
    if (before) return { build: await writer.reused(queued, before, actor), artifact: before, reused: true };
    using apart = proposal.kind === 'dockerfile' ? await deps.hands.separateSteps(deps.stepRules) : null;
    const alone = apart?.applied === false;
    using worker = await queue.begin(queued, { actor, signal, onWait: (line) => output.detail(line), alone });
    begun = true;
    // An earlier build may have made the same artifact meanwhile, or the cache was purged.
    const app = await currentApp(request, deps);
    const key = keyOf(app);
    const meanwhile = await findArtifact(request, key, deps);
    if (meanwhile) return { build: await writer.reused(queued, meanwhile, actor), artifact: meanwhile, reused: true };
    await refuseOnFullDisk(deps.hands, deps.limits);
    const afterPurge = await tools.records.forgetPurged(app);
    if (afterPurge) output.step('The build cache was purged: building from nothing');
    const made = await make(proposal, {
      deps,
      request: { ...request, app },
      afterPurge,
      source,
      stack,
      key,
      worker: worker.number,
      buildId: queued.id,
    });
    if (afterPurge) await tools.records.endPurge(app);
    return { ...(await writer.succeeded(queued, made, actor)), reused: false };
  } catch (error) {
    // A build that still waits when the platform stops stays queued for the next start.
    if (begun || !queue.isClosed) await writer.failed(queued, error, actor);
    throw error;
  }
}

async function propose(
  source: Source,
  choice: BuilderChoice | null,
  { strategies }: BuildTools,
): Promise<BuildProposal> {
  for (const strategy of strategies) {
    const proposal = await strategy.detect(source, choice);
    if (proposal) return proposal;
  }
  throw nothingDetected(source.paths);
}

async function make(
  proposal: BuildProposal,
  inputs: {
    readonly deps: BuildDeps;
    readonly request: BuildRequest;
    readonly afterPurge: boolean;
    readonly source: Source;
    readonly stack: Stack;
    readonly key: string;
    readonly worker: number;
    readonly buildId: string;
  },
): Promise<NewArtifact> {
  const { deps, request, afterPurge, source, stack, key, worker, buildId } = inputs;
  const { output, signal } = deps;
  const { app, config } = request;
  const labels = {
    [labelNames.platform]: deps.platformId,
    [labelNames.app]: app.id,
    [labelNames.role]: 'artifact',
  };
  const tag = `paas/app-${app.id}:${key.slice(0, 16)}`;
  const image = { app, buildId, afterPurge, source, config, stack, tag, labels, worker, output, signal };
  const built = await proposal.build(image);
  const [made, base] = await Promise.all([
    deps.engine.images.inspect(built.imageId),
    deps.engine.images.inspect(stack.runImageId),
  ]);
  const onStack = base !== null && made?.diffIds[0] === base.diffIds[0];
  const sizeBytes = (made?.sizeBytes ?? 0) - (onStack ? base.sizeBytes : 0);
  output.detail(`Done: ${megabytes(sizeBytes)}${onStack ? ' on the stack' : ''}`);
  return {
    appId: app.id,
    imageId: built.imageId,
    cacheKey: key,
    builder: proposal.kind,
    builderName: built.name,
    processes: built.processes,
    launcher: built.launcher,
    user: built.user,
    init: built.init,
    exposedPorts: built.exposedPorts,
    sizeBytes,
  };
}

/** The app as it is now: a waiting build counts purges of the cache too. */
async function currentApp({ app }: BuildRequest, { store }: Pick<BuilderDeps, 'store'>): Promise<App> {
  return (await store.apps.find(app.id)) ?? app;
}

/** The artifact with this key, if the engine still has its image. */
async function findArtifact(
  { app }: BuildRequest,
  key: string,
  { store, engine }: Pick<BuilderDeps, 'store' | 'engine'>,
): Promise<Artifact | null> {
  const artifact = await store.artifacts.findByKey(app.id, key);
  return artifact && (await engine.images.inspect(artifact.imageId)) ? artifact : null;
}

function megabytes(bytes: number): string {
  return bytes < 1024 * 1024 ? `${Math.max(0.1, bytes / 1024).toFixed(1)}K` : `${(bytes / 1024 / 1024).toFixed(1)}M`;
}
