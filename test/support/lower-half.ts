import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Actor } from '../../src/domain/actor.ts';
import type { App } from '../../src/domain/app.ts';
import { defaultFirstUid } from '../../src/domain/app-user.ts';
import type { Artifact } from '../../src/domain/build.ts';
import type { Instance } from '../../src/domain/instance.ts';
import { fixedSize, sizeText } from '../../src/domain/instance-size.ts';
import { labelNames } from '../../src/domain/labels.ts';
import type { Operations } from '../../src/domain/operations.ts';
import type { Release } from '../../src/domain/release.ts';
import { createDockerEngine } from '../../src/engine/docker-engine.ts';
import type { EngineRegistry } from '../../src/engine/engine-registry.ts';
import { createOperations } from '../../src/operations/create-operations.ts';
import { OngoingWork } from '../../src/operations/ongoing-work.ts';
import { type DeployDeps, makeRelease } from '../../src/operations/releases.ts';
import { createRepairs } from '../../src/operations/repairs.ts';
import { rollOut } from '../../src/operations/roll-out.ts';
import { ensureNetwork, ensureNetworks } from '../../src/provisioner/environment.ts';
import { Provisioner } from '../../src/provisioner/provisioner.ts';
import { createAppLog } from '../../src/reporting/app-log.ts';
import { createLogCollector } from '../../src/reporting/log-collector.ts';
import { startResolver } from '../../src/resolver/resolver.ts';
import { createResolverClient } from '../../src/routing/resolver-client.ts';
import { createRoutePublisher } from '../../src/routing/route-publisher.ts';
import { openStore } from '../../src/store/store.ts';
import { Supervisor } from '../../src/supervisor/supervisor.ts';
import { Terminals } from '../../src/supervisor/terminals.ts';
import { systemClock } from '../../src/system/clock.ts';
import { createLocalLeases } from '../../src/system/local-leases.ts';
import { type Logger, silentLogger } from '../../src/system/logger.ts';
import { claim } from './claims.ts';
import { scaled } from './deadline.ts';
import { EngineFixture } from './engine-fixture.ts';
import { enginesOf } from './engines.ts';
import { eventually } from './eventually.ts';
import { testHands } from './hands.ts';
import { putHost } from './hosts.ts';
import { httpGet } from './platform.ts';

export interface LowerHalfOptions {
  readonly bootTimeoutMs?: number;
  readonly stopGraceMs?: number;
  /** Another way to the engine than the fixture's own. */
  readonly dockerHost?: string;
  readonly cloudlets?: number;
  readonly logger?: Logger;
  /** Made by another process, and kept when this one ends. */
  readonly ground?: Ground;
}

/** The parts that survive a crash of the orchestrator. */
export interface Ground {
  readonly fixture: EngineFixture;
  readonly home: string;
  readonly resolver: { readonly port: number; readonly socket: string };
}

/** The engine, a home and a resolver, with their disposal. */
export async function layGround(): Promise<Ground & AsyncDisposable> {
  const fixture = await EngineFixture.create();
  const home = await mkdtemp(join(tmpdir(), 'paas-lower-'));
  const { release } = await claim({ folder: home });
  const socket = join(home, 'resolver.sock');
  const snapshotPath = join(home, 'routes.json');
  const resolver = await startResolver({ bind: '127.0.0.1', httpPort: 0, controlSocket: socket, snapshotPath });
  return {
    fixture,
    home,
    resolver: { port: resolver.address.port, socket },
    async [Symbol.asyncDispose]() {
      await resolver.close();
      await fixture[Symbol.asyncDispose]();
      await rm(home, { recursive: true, force: true });
      release();
    },
  };
}

/** Everything below the builder, real and in this process: a release goes in, a URL comes out. */
export class LowerHalf implements AsyncDisposable {
  readonly fixture: EngineFixture;
  readonly deps: DeployDeps;
  readonly provisioner: Provisioner;
  /** The hosts of `deps`. Tests can add hosts. */
  readonly engines: EngineRegistry;
  readonly actor: Actor;
  readonly #port: number;
  readonly #close: () => Promise<void>;
  readonly #supervise: (terminals: Terminals) => Supervisor;
  #terminals = newTerminals();
  #supervisor: Supervisor;

  private constructor(parts: {
    fixture: EngineFixture;
    deps: DeployDeps;
    provisioner: Provisioner;
    engines: EngineRegistry;
    actor: Actor;
    port: number;
    supervise: (terminals: Terminals) => Supervisor;
    close: () => Promise<void>;
  }) {
    this.fixture = parts.fixture;
    this.deps = parts.deps;
    this.provisioner = parts.provisioner;
    this.engines = parts.engines;
    this.actor = parts.actor;
    this.#port = parts.port;
    this.#supervise = parts.supervise;
    this.#supervisor = parts.supervise(this.#terminals);
    this.#close = parts.close;
  }

  static async start(options: LowerHalfOptions = {}): Promise<LowerHalf> {
    const { bootTimeoutMs = scaled(10_000), stopGraceMs = 2000, cloudlets = 40, logger = silentLogger } = options;
    const own = options.ground ? undefined : await layGround();
    const { fixture, home, resolver } = options.ground ?? (own as Ground);
    const { runId: platformId } = fixture;
    const engine = options.dockerHost
      ? createDockerEngine({ dockerHost: options.dockerHost, cacheDir: fixture.cacheDir })
      : fixture.engine;
    const engines = enginesOf(engine);
    const store = await openStore({ path: join(home, 'state.db'), keysDir: join(home, 'keys') });
    await putHost(store, { cloudlets });
    const [known] = await store.accounts.list();
    const { id: accountId, email } = known ?? (await store.accounts.create('ada@example.com'));
    const client = createResolverClient(resolver.socket);
    const routes = createRoutePublisher({
      store,
      clients: [client],
      term: 1,
      settings: { domain: 'localhost', apiPort: 1 },
    });
    await routes.start();
    const leases = createLocalLeases();
    const appLog = createAppLog({ dir: join(home, 'logs'), bytesPerApp: 1024 * 1024 });
    const logs = createLogCollector({ engines, appLog, platformId, logger });
    const provisioner = new Provisioner({ store, leases, clock: systemClock, logger });
    const supervise = (terminals: Terminals) =>
      new Supervisor({
        engines,
        handsOn: () => testHands,
        store,
        logger,
        platformId,
        logs,
        clock: systemClock,
        terminals,
        settings: {
          bootTimeoutMs,
          stopGraceMs,
          drainMs: 2000,
          cloudletMemoryBytes: 64 * 1024 * 1024,
          cloudletCpuMhz: 400,
          appTerminals: 16,
        },
        drainer: routes,
        ensureNetwork: (app, hostId) => ensureNetwork(app, hostId, deps.environment),
      });
    const deps: DeployDeps = {
      store,
      builder: { build: () => Promise.reject(new Error('nothing is built here')) },
      environment: { engines, store, platformId, networkPool: '10.211.0.0/16' },
      routes,
      appLog,
      logger,
      work: new OngoingWork(leases),
      outputKept: (container) => logs.finished(container),
      urlOf: (app) => app.name,
      startTimeoutMs: bootTimeoutMs + scaled(10_000),
    };
    const half = new LowerHalf({
      fixture,
      deps,
      provisioner,
      engines,
      actor: { accountId, email },
      port: resolver.port,
      supervise,
      async close() {
        await deps.work.close();
        await provisioner.close();
        await routes.close();
        await logs.close();
        await appLog.close();
        await store.close();
        await own?.[Symbol.asyncDispose]();
      },
    });
    // In the platform's order.
    await half.#supervisor.start();
    await createRepairs(deps).recover();
    await provisioner.start();
    return half;
  }

  /** The verbs that the doors call. */
  get operations(): Operations {
    const { deps } = this;
    return createOperations({
      ...deps,
      terminals: this.#terminals,
      clock: systemClock,
      platformDomain: 'localhost',
      firstAppUid: defaultFirstUid,
      nameKeepMs: 30 * 86_400_000,
      belongings: { create: async () => undefined, remove: (appId) => deps.appLog.remove(appId) },
    });
  }

  /** Replaces the supervisor as after a crash of the orchestrator: the new one knows only the store and the engine. */
  async anotherSupervisor(): Promise<void> {
    await this.#supervisor.close();
    this.#terminals = newTerminals();
    this.#supervisor = this.#supervise(this.#terminals);
    await this.#supervisor.start();
  }

  /** From here on nobody supervises the instances. */
  closeSupervisor(): Promise<void> {
    return this.#supervisor.close();
  }

  async app(name: string): Promise<App> {
    const { store } = this.deps;
    const app = await store.apps.create({ name, ownerId: this.actor.accountId });
    await ensureNetworks(app, this.deps.environment);
    return store.apps.get(app.id);
  }

  /** A release whose processes are busybox shell scripts. */
  async release(app: App, scripts: Readonly<Record<string, string>>): Promise<Release> {
    const artifact = await this.#artifact(app, scripts);
    const deploy = { app, artifactId: artifact.id, cause: 'deploy', description: 'Deploy', actor: this.actor } as const;
    return this.deps.store.transaction((tables) => makeRelease(tables, deploy));
  }

  /** A running app with one web instance of one cloudlet. */
  async deployed(name: string, scripts: Readonly<Record<string, string>> = { web: answering(name) }): Promise<App> {
    const app = await this.app(name);
    await rollOut(await this.release(app, scripts), this.deps, new AbortController().signal);
    await this.operations.scale(app, [{ type: 'web', size: fixedSize(1) }], this.actor);
    return this.deps.store.apps.get(app.id);
  }

  serves(app: App, marker: string): Promise<unknown> {
    return eventually(`${marker} is served`, async () => (await this.get(app)).body === marker);
  }

  /** The instances that are to run. */
  async active(app: App): Promise<readonly Instance[]> {
    return (await this.deps.store.instances.listActive(app.id)).filter(({ desired }) => desired === 'up');
  }

  /** "web.1:1-4" for each of these. */
  async sizes(app: App): Promise<readonly string[]> {
    return (await this.active(app)).map(({ type, slot, size }) => `${type}.${slot}:${sizeText(size)}`).sort();
  }

  /** "web=2:1-4" for each process type. */
  async formation(app: App): Promise<readonly string[]> {
    const entries = await this.deps.store.formations.list(app.id);
    return entries.map(({ type, quantity, size }) => `${type}=${quantity}:${sizeText(size)}`);
  }

  async get(app: App, path = '/'): Promise<{ readonly status: number; readonly body: string }> {
    return httpGet({ port: this.#port, path, headers: { Host: `${app.name}.localhost` } });
  }

  /** The id of the app's network. */
  async networkOf(app: App): Promise<string> {
    const [network] = await this.deps.store.appNetworks.list({ appId: app.id });
    if (!network) throw new Error(`${app.name} has no network`);
    return network.networkId;
  }

  containers(app: App) {
    return this.fixture.engine.containers.list({ [labelNames.app]: app.id });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#supervisor.close();
    await this.#close();
  }

  #artifact(app: App, scripts: Readonly<Record<string, string>>): Promise<Artifact> {
    return this.deps.store.artifacts.create({
      appId: app.id,
      imageId: this.fixture.imageId,
      cacheKey: JSON.stringify(scripts),
      builder: 'dockerfile',
      builderName: 'test',
      processes: Object.entries(scripts).map(([type, script]) => ({
        type,
        command: script,
        args: ['/bin/sh', '-c', script],
      })),
      launcher: null,
      user: '10001:10001',
      init: null,
      exposedPorts: [],
      sizeBytes: 0,
    });
  }
}

function newTerminals(): Terminals {
  return new Terminals({ terminalWaitMs: scaled(4000) });
}

/** A web process that answers everything with its marker. The test image has perl and no web server. */
export function answering(marker: string): string {
  const head = `HTTP/1.1 200 OK\\r\\nContent-Length: ${marker.length}\\r\\nConnection: close\\r\\n\\r\\n`;
  return [
    "exec perl -e 'use Socket; socket(S, PF_INET, SOCK_STREAM, 6); setsockopt(S, SOL_SOCKET, SO_REUSEADDR, 1);",
    'bind(S, sockaddr_in($ENV{PORT}, INADDR_ANY)) or die; listen(S, 64); $SIG{TERM} = sub { exit 0 };',
    `while (accept(C, S)) { sysread(C, $b, 65536); syswrite(C, "${head}${marker}"); close C }'`,
  ].join(' ');
}
