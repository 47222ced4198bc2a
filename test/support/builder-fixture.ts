import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createBuilder, type PlatformBuilder } from '../../src/builder/build.ts';
import type { JailLimits } from '../../src/builder/jail/limits.ts';
import { stackUser } from '../../src/builder/stack/recipe.ts';
import { ensureStacks } from '../../src/builder/stack.ts';
import { readSettings } from '../../src/config/settings.ts';
import type { Actor } from '../../src/domain/actor.ts';
import type { App } from '../../src/domain/app.ts';
import type { BuildResult, Stack } from '../../src/domain/builder.ts';
import type { ConfigVars } from '../../src/domain/config-vars.ts';
import type { Engine } from '../../src/domain/engine.ts';
import type { HostHands } from '../../src/domain/host-hands.ts';
import { labelNames } from '../../src/domain/labels.ts';
import type { SourceTree } from '../../src/domain/push.ts';
import type { Store } from '../../src/domain/store.ts';
import { createDockerEngine } from '../../src/engine/docker-engine.ts';
import { openStore } from '../../src/store/store.ts';
import { createLocalLeases } from '../../src/system/local-leases.ts';
import { silentLogger } from '../../src/system/logger.ts';
import { claim } from './claims.ts';
import { scaled } from './deadline.ts';
import { testHands } from './hands.ts';
import { removeAllOf } from './leftovers.ts';
import { RecordedOutput } from './recorded-output.ts';

/** How a process of an image answered. */
export interface Answer {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** The ones that the platform comes with. */
export const ownBuildpacks = resolve(import.meta.dirname, '../../buildpacks');
/** One that runs the source's own build.sh. */
export const inlineBuildpack = resolve(import.meta.dirname, 'inline-buildpack');

export interface FixtureOptions extends Partial<JailLimits> {
  readonly buildpacksDir?: string;
}

/** A builder on the real engine and the real stacks, with its own store. All that it makes is removed with it. */
export class BuilderFixture implements AsyncDisposable {
  readonly engine: Engine;
  readonly store: Store;
  readonly platformId: string;
  readonly home: string;
  readonly stack: Stack;
  readonly actor: Actor;
  readonly buildpacksDir: string;
  builder: PlatformBuilder;
  readonly #release: () => void;

  static async open({ buildpacksDir = ownBuildpacks, ...limits }: FixtureOptions = {}): Promise<BuilderFixture> {
    const home = await mkdtemp(join(tmpdir(), 'paas-builder-'));
    const settings = readSettings({ PAAS_HOME: home });
    const platformId = `test${randomBytes(5).toString('hex')}`;
    const { release } = await claim({ platformId, folder: home, dockerHost: settings.dockerHost });
    const engine = createDockerEngine({ dockerHost: settings.dockerHost, hostRoutes: testHands.routes });
    const [store, stack] = await Promise.all([
      openStore({ path: join(home, 'state.db'), keysDir: join(home, 'keys') }),
      ensureStacks(engine, settings),
    ]);
    const owner = await store.accounts.create('owner@example.com');
    const actor = { accountId: owner.id, email: owner.email };
    return new BuilderFixture({ home, platformId, engine, store, stack, actor, buildpacksDir, release }, limits);
  }

  private constructor(
    parts: Pick<BuilderFixture, 'home' | 'platformId' | 'engine' | 'store' | 'stack' | 'actor' | 'buildpacksDir'> & {
      readonly release: () => void;
    },
    limits: Partial<JailLimits>,
  ) {
    this.home = parts.home;
    this.engine = parts.engine;
    this.store = parts.store;
    this.stack = parts.stack;
    this.actor = parts.actor;
    this.buildpacksDir = parts.buildpacksDir;
    this.platformId = parts.platformId;
    this.#release = parts.release;
    this.builder = this.newBuilder(limits);
  }

  /** Replaces the builder by a new one, as a restart of the platform does: its memory is lost. */
  newBuilder(
    limits: Partial<JailLimits> = {},
    { hands = testHands, ...overrides }: { buildSlots?: number; hands?: HostHands } = {},
  ): PlatformBuilder {
    return createBuilder({
      engine: this.engine,
      hands,
      store: this.store,
      leases: createLocalLeases(),
      settings: { ...readSettings({ PAAS_HOME: this.home }), ...overrides },
      stack: async () => this.stack,
      platformId: this.platformId,
      logger: silentLogger,
      buildpacksDir: this.buildpacksDir,
      limits,
    });
  }

  async newApp(): Promise<App> {
    return await this.store.apps.create({ name: `a${randomBytes(6).toString('hex')}`, ownerId: this.actor.accountId });
  }

  async build(
    app: App,
    source: SourceTree,
    {
      config = {},
      output = new RecordedOutput(),
      signal = AbortSignal.timeout(scaled(300_000)),
      builder = this.builder,
    }: {
      readonly config?: ConfigVars;
      readonly output?: RecordedOutput;
      readonly signal?: AbortSignal;
      readonly builder?: PlatformBuilder;
    } = {},
  ): Promise<BuildResult & { readonly output: RecordedOutput }> {
    const request = { app, pushId: null, source, config, actor: this.actor };
    return { ...(await builder.build(request, output, signal)), output };
  }

  /** Runs a command in an image as an instance runs: same user, same sandbox, but no network. */
  async run(
    image: string,
    entrypoint: readonly string[],
    options: {
      readonly env?: Readonly<Record<string, string>>;
      readonly user?: string;
      readonly command?: readonly string[];
    } = {},
  ): Promise<Answer> {
    const id = await this.start(image, entrypoint, options);
    try {
      const signal = AbortSignal.timeout(scaled(60_000));
      const streams = await this.engine.containers.attach(id, signal);
      await this.engine.containers.start(id);
      const [stdout, stderr] = await Promise.all([textOf(streams.stdout), textOf(streams.stderr)]);
      const { exitCode } = await this.engine.containers.wait(id, signal);
      return { exitCode, stdout, stderr };
    } finally {
      await this.engine.containers.remove(id);
    }
  }

  /** Creates the container. The caller starts it. */
  async start(
    image: string,
    entrypoint: readonly string[],
    {
      env = {},
      user,
      command = [],
      stopSignal = 'SIGTERM',
    }: {
      readonly env?: Readonly<Record<string, string>>;
      readonly user?: string;
      readonly command?: readonly string[];
      readonly stopSignal?: string;
    } = {},
  ): Promise<string> {
    return await this.engine.containers.create({
      name: `paas-${this.platformId}-${randomBytes(4).toString('hex')}`,
      image,
      sandbox: 'app',
      labels: { [labelNames.platform]: this.platformId, [labelNames.role]: 'instance' },
      user: user ?? (await this.#userOf(image)),
      entrypoint,
      command,
      env,
      stopSignal,
      memoryBytes: 512 * 1024 * 1024,
      cpus: 2,
      networks: [],
    });
  }

  /** The image's own user if it has a number, else the stack's. */
  async #userOf(image: string): Promise<string> {
    const [, uid, gid] = /^(\d+)(?::(\d+))?$/.exec((await this.engine.images.inspect(image))?.config.user ?? '') ?? [];
    return uid === undefined || uid === '0' ? stackUser : `${uid}:${gid ?? uid}`;
  }

  async containersOfBuilds(): Promise<number> {
    const labels = { [labelNames.platform]: this.platformId, [labelNames.role]: 'build' };
    return (await this.engine.containers.list(labels)).length;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await removeAllOf(this.platformId, readSettings({ PAAS_HOME: this.home }).dockerHost);
    await this.store.close();
    await rm(this.home, { recursive: true, force: true });
    this.#release();
  }
}

async function textOf(stream: AsyncIterable<Buffer>): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of stream) parts.push(part);
  return Buffer.concat(parts).toString();
}
