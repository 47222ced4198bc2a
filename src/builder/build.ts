import { join } from 'node:path';
import { paths, type Settings } from '../config/settings.ts';
import type { Artifact, BuildOutput } from '../domain/build.ts';
import type { Builder, BuildRequest, BuildResult, Stack } from '../domain/builder.ts';
import { type Engine, labelNames } from '../domain/engine.ts';
import { PlatformError } from '../domain/errors.ts';
import type { Leases } from '../domain/leases.ts';
import type { Store } from '../domain/store.ts';
import type { Logger } from '../system/logger.ts';
import { buildKey, SettingsDigest } from './build-key.ts';
import { BuildQueue } from './build-queue.ts';
import { readOrder } from './cnb/order-toml.ts';
import { BuildRecords } from './cnb/record.ts';
import { SharedRuntimes } from './cnb/runtimes.ts';
import { buildpackStrategy } from './cnb/strategy.ts';
import { type BuildHands, dockerfileStrategy } from './dockerfile/strategy.ts';
import { refuseOnFullDisk } from './full-disk.ts';
import { type JailLimits, jailLimits } from './jail/limits.ts';
import { Ledger, type NewArtifact } from './ledger.ts';
import { buildNetworks } from './networks.ts';
import { readSource } from './source.ts';
import { findStacks } from './stack.ts';
import { removeOtherStacks } from './stack-retention.ts';
import type { BuildProposal, BuildStrategy, Source } from './strategy.ts';
import { buildContainers, settleRecords, sweepBuilds } from './sweep.ts';

/** BuildKit's cache is the engine's and not ours alone: beyond this size, what nobody used in two days goes. */
const buildCache = { keepBytes: 10 * 1024 ** 3, unusedForMs: 2 * 24 * 60 * 60_000 } as const;

export interface BuilderOptions {
  readonly engine: Engine;
  /** On the engine's host. */
  readonly hands: BuildHands;
  readonly store: Store;
  readonly leases: Leases;
  readonly settings: Pick<Settings, 'home' | 'buildSlots' | 'buildTimeoutMs' | 'networkPool' | 'stackSuite'>;
  /** The stacks as they are now; makes them when they are missing. */
  readonly stack: () => Promise<Stack>;
  readonly platformId: string;
  readonly logger: Logger;
  /** Our own buildpacks, with their order.toml. */
  readonly buildpacksDir: string;
  /** Other limits than the usual ones. */
  readonly limits?: Partial<JailLimits>;
}

/** The builder with what only its owner does. */
export interface PlatformBuilder extends Builder {
  /** Settles what an earlier run left unfinished. At the start, before the first build. */
  sweep(): Promise<void>;
  /**
   * Removes what builds have no use for any more: shared runtimes, stacks of other recipes, old entries of BuildKit's
   * cache; and settles what could not be when a build ended: its container, its record. Leaves everything while a build
   * is under way.
   */
  tidy(now: Date): Promise<void>;
  /** Lets those go whose builds wait. They stay in the queue for the next start. */
  close(): void;
  /** Forgets what was kept on disk for an app's next build. Its images and its volume carry the app's label. */
  forget(appId: string): Promise<void>;
}

/** Nothing is read or started before the first call. */
export function createBuilder(options: BuilderOptions): PlatformBuilder {
  const { engine, store, settings, platformId, logger } = options;
  const recordsDir = join(paths(settings.home).cache, 'builds');
  const scratchDir = join(recordsDir, 'scratch');
  const limits: JailLimits = { ...jailLimits, wallMs: settings.buildTimeoutMs, ...options.limits };
  const records = new BuildRecords(recordsDir);
  const queue = new BuildQueue(store, settings.buildSlots);
  const ledger = new Ledger(store, logger);
  let opened: Promise<Workshop> | undefined;
  const workshop = () => {
    opened ??= openWorkshop({ ...options, records, recordsDir, scratchDir, limits });
    return opened;
  };

  let underWay = 0;

  return {
    async build(request, output, signal) {
      underWay += 1;
      try {
        return await build(request, { output, signal, queue, ledger, options, workshop: await workshop() });
      } finally {
        underWay -= 1;
      }
    },
    async tidy(now) {
      const begun = new Date();
      const left = await buildContainers(engine, platformId);
      if (underWay > 0) return;
      // A full disk took no record of their end. As long as a build seems to be under way, no image of its app is removed.
      await settleRecords(store, {
        states: ['building', 'queued'],
        reason: 'The end of the build could not be recorded.',
        madeBefore: begun,
      });
      for (const { id } of left) await engine.containers.remove(id);
      const { runtimes } = await workshop();
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

interface Workshop {
  readonly strategies: readonly BuildStrategy[];
  readonly settings: SettingsDigest;
  readonly runtimes: SharedRuntimes;
}

async function openWorkshop(
  options: BuilderOptions & {
    readonly records: BuildRecords;
    readonly recordsDir: string;
    readonly scratchDir: string;
    readonly limits: JailLimits;
  },
): Promise<Workshop> {
  const { engine, hands, leases, platformId, limits, records, recordsDir, scratchDir } = options;
  const [order, settings] = await Promise.all([readOrder(options.buildpacksDir), SettingsDigest.open(recordsDir)]);
  const networkOf = buildNetworks(engine, { platformId, pool: options.settings.networkPool });
  const runtimes = new SharedRuntimes({ engine, leases, platformId, limits, recordsDir, scratchDir });
  // A Dockerfile says more exactly than any buildpack what its author wants.
  const strategies = [
    dockerfileStrategy({ engine, hands, platformId, limits }),
    buildpackStrategy({ engine, platformId, order, records, runtimes, settings, limits, scratchDir, networkOf }),
  ];
  return { strategies, settings, runtimes };
}

interface BuildContext {
  readonly output: BuildOutput;
  readonly signal: AbortSignal;
  readonly queue: BuildQueue;
  readonly ledger: Ledger;
  readonly options: BuilderOptions;
  readonly workshop: Workshop;
}

/** The story of a build: what is it, was it built already, wait for a turn, build, remember. */
async function build(request: BuildRequest, context: BuildContext): Promise<BuildResult> {
  const { output, signal, queue, ledger, options, workshop } = context;
  const { actor } = request;
  const stack = await options.stack();
  output.step(`Building on the ${stack.name} stack`);
  const source = await readSource(request.source, output);
  const proposal = await propose(source, workshop);
  output.step(proposal.announcement);
  const key = buildKey(proposal, source.tree.treeId, stack, workshop.settings.of(request.config));

  const queued = request.queued ?? (await ledger.queued(request));
  let begun = false;
  try {
    const before = await findArtifact(request, key, options);
    if (before) return { build: await ledger.reused(queued, before, actor), artifact: before, reused: true };
    using place = await queue.begin(queued, { actor, signal, onWait: (line) => output.detail(line) });
    begun = true;
    // The one before in line may have built the same.
    const meanwhile = await findArtifact(request, key, options);
    if (meanwhile) return { build: await ledger.reused(queued, meanwhile, actor), artifact: meanwhile, reused: true };
    await refuseOnFullDisk(options.hands, { ...jailLimits, ...options.limits });
    const made = await make(proposal, { context, request, source, stack, key, slot: place.slot, buildId: queued.id });
    return { ...(await ledger.succeeded(queued, made, actor)), reused: false };
  } catch (error) {
    // What still waits when the platform stops waits on, for the next start.
    if (begun || !queue.isClosed) await ledger.failed(queued, error, actor);
    throw error;
  }
}

async function propose(source: Source, { strategies }: Workshop): Promise<BuildProposal> {
  for (const strategy of strategies) {
    const proposal = await strategy.detect(source);
    if (proposal) return proposal;
  }
  throw new PlatformError('no_app_detected', 'No app could be detected in this source.', {
    hint: [
      'It needs at its top one of: a package.json (Node.js), an index.html (a static site), a Procfile (any program of the stack), a Dockerfile.',
      ...(source.entries.length === 0 ? ['The commit holds no files.'] : []),
      ...onlyFolder(source),
    ].join(' '),
  });
}

const markers = new Set(['package.json', 'index.html', 'Procfile', 'Dockerfile']);

/** An app one folder down, which is what people mean who push a repository of several parts. */
function onlyFolder({ entries }: Source): readonly string[] {
  const inFolders = entries.map(({ path }) => path.split('/')).filter((parts) => parts.length === 2);
  const found = inFolders.filter(([, name = '']) => markers.has(name));
  const folders = new Set(found.map(([folder]) => folder));
  const [[folder, name] = []] = found;
  if (folders.size !== 1 || folder === undefined) return [];
  return [`There is a ${name} in ${folder}/. To push that folder alone: git subtree push --prefix ${folder} paas main`];
}

async function make(
  proposal: BuildProposal,
  parts: {
    readonly context: BuildContext;
    readonly request: BuildRequest;
    readonly source: Source;
    readonly stack: Stack;
    readonly key: string;
    readonly slot: number;
    readonly buildId: string;
  },
): Promise<NewArtifact> {
  const { context, request, source, stack, key, slot, buildId } = parts;
  const { output, signal, options } = context;
  const { app, config } = request;
  const labels = {
    [labelNames.platform]: options.platformId,
    [labelNames.app]: app.id,
    [labelNames.role]: 'artifact',
  };
  const tag = `paas/app-${app.id}:${key.slice(0, 16)}`;
  const built = await proposal.build({ app, buildId, source, config, stack, tag, labels, slot, output, signal });
  const [image, base] = await Promise.all([
    options.engine.images.inspect(built.imageId),
    options.engine.images.inspect(stack.runImageId),
  ]);
  const onStack = base !== null && image?.diffIds[0] === base.diffIds[0];
  const sizeBytes = (image?.sizeBytes ?? 0) - (onStack ? base.sizeBytes : 0);
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
    exposedPort: built.exposedPort,
    sizeBytes,
  };
}

/** An artifact of this key, if its image has not gone meanwhile. */
async function findArtifact(
  { app }: BuildRequest,
  key: string,
  { store, engine }: BuilderOptions,
): Promise<Artifact | null> {
  const artifact = await store.artifacts.findByKey(app.id, key);
  return artifact && (await engine.images.inspect(artifact.imageId)) ? artifact : null;
}

function megabytes(bytes: number): string {
  return bytes < 1024 * 1024 ? `${Math.max(0.1, bytes / 1024).toFixed(1)}K` : `${(bytes / 1024 / 1024).toFixed(1)}M`;
}
