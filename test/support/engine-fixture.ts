import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { type IncomingMessage, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { environment } from '../../src/config/environment.ts';
import type { ContainerSpec } from '../../src/domain/containers.ts';
import type { Engine } from '../../src/domain/engine.ts';
import type { Labels } from '../../src/domain/labels.ts';
import { labelNames } from '../../src/domain/labels.ts';
import { createDockerEngine } from '../../src/engine/docker-engine.ts';
import { hostRoutes } from '../../src/host/routes.ts';
import { claim } from './claims.ts';
import { scaled } from './deadline.ts';
import { removeAllOf } from './leftovers.ts';
import { testRootfs } from './test-rootfs.ts';

export const megabyte = 1024 * 1024;

/** The engine that tests use: PAAS_DOCKER_HOST, else the local one. */
export function testDockerHost(): string {
  return environment().PAAS_DOCKER_HOST ?? 'unix:///var/run/docker.sock';
}

/** An engine with a small image in it. Disposing of it removes all that a test made with `labels` (or `spec`). */
export class EngineFixture implements AsyncDisposable {
  readonly engine: Engine;
  readonly labels: Labels;
  /** The id of this run, a part of every name that it makes. */
  readonly runId: string;
  readonly imageId: string;
  /** Not shared with another run. */
  readonly cacheDir: string;
  readonly dockerHost: string;
  readonly #release: () => void;

  private constructor(
    engine: Engine,
    run: Pick<EngineFixture, 'runId' | 'labels' | 'imageId' | 'cacheDir' | 'dockerHost'>,
    release: () => void = () => undefined,
  ) {
    this.engine = engine;
    this.#release = release;
    this.runId = run.runId;
    this.labels = run.labels;
    this.imageId = run.imageId;
    this.cacheDir = run.cacheDir;
    this.dockerHost = run.dockerHost;
  }

  static async create(dockerHost = testDockerHost()): Promise<EngineFixture> {
    const runId = `t${randomBytes(4).toString('hex')}`;
    const cacheDir = await mkdtemp(join(tmpdir(), 'paas-engine-'));
    const { release } = await claim({ platformId: runId, folder: cacheDir, dockerHost });
    const labels = { [labelNames.platform]: runId };
    const engine = createDockerEngine({ dockerHost, cacheDir, hostRoutes });
    const imageId = await engine.images.importRootfs(await testRootfs(), `paas-test/${runId}:base`, {
      env: ['PATH=/bin'],
      labels,
    });
    return new EngineFixture(engine, { runId, labels, imageId, cacheDir, dockerHost }, release);
  }

  /** The same run in another process. Only the first one disposes of it. */
  static join(run: Pick<EngineFixture, 'runId' | 'labels' | 'imageId' | 'cacheDir' | 'dockerHost'>): EngineFixture {
    const { dockerHost, cacheDir } = run;
    return new EngineFixture(createDockerEngine({ dockerHost, cacheDir, hostRoutes }), run);
  }

  /** A small container of the test image that runs a shell script. */
  spec(script: string, changes: Partial<ContainerSpec> = {}): ContainerSpec {
    return {
      name: `${this.runId}-${randomBytes(4).toString('hex')}`,
      image: this.imageId,
      sandbox: 'app',
      user: '10001:10001',
      labels: this.labels,
      command: ['sh', '-c', script],
      env: {},
      memoryBytes: 64 * megabyte,
      cpus: 1,
      networks: [],
      ...changes,
    };
  }

  /** Runs a script to its end. */
  async run(
    script: string,
    changes: Partial<ContainerSpec> = {},
  ): Promise<{
    readonly exitCode: number;
    readonly oomKilled: boolean;
    readonly stdout: string;
    readonly stderr: string;
  }> {
    const { containers } = this.engine;
    const signal = AbortSignal.timeout(scaled(60_000));
    const id = await containers.create(this.spec(script, changes));
    try {
      await containers.start(id);
      const exit = await containers.wait(id, signal);
      const written = { stdout: '', stderr: '' };
      for await (const line of containers.logs(id, { follow: false }, signal)) written[line.stream] += `${line.text}\n`;
      return { ...exit, ...written };
    } finally {
      await containers.remove(id);
    }
  }

  /** The standard output of a script, read while it runs. */
  async output(script: string, changes: Partial<ContainerSpec> = {}): Promise<string> {
    const { containers } = this.engine;
    const id = await containers.create(this.spec(script, changes));
    try {
      const { stdout, stderr } = await containers.attach(id, AbortSignal.timeout(scaled(60_000)));
      stderr.resume();
      await containers.start(id);
      return await text(stdout);
    } finally {
      await containers.remove(id);
    }
  }

  /** The size in bytes of the whole image as the engine exports it, read without our adapter. */
  async savedBytes(imageId: string): Promise<number> {
    const socketPath = this.dockerHost.replace(/^unix:\/\//, '');
    const [answer] = (await once(request({ socketPath, path: `/images/${imageId}/get` }).end(), 'response')) as [
      IncomingMessage,
    ];
    let bytes = 0;
    for await (const chunk of answer) bytes += chunk.length;
    return bytes;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await removeAllOf(this.runId, this.dockerHost);
    await rm(this.cacheDir, { recursive: true, force: true });
    this.#release();
  }
}

/** The networks of a spec that is in one from the start. */
export function inNetwork(
  { id }: { readonly id: string },
  ...aliases: readonly string[]
): Pick<ContainerSpec, 'networks'> {
  return { networks: [{ id, aliases, when: 'start' }] };
}
