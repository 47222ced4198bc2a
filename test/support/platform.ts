import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { environment } from '../../src/config/environment.ts';
import { labelNames } from '../../src/domain/labels.ts';
import { createDockerEngine } from '../../src/engine/docker-engine.ts';
import { readLock } from '../../src/launcher/lock.ts';
import { claim, idIn } from './claims.ts';
import { scaled } from './deadline.ts';
import { testDockerHost } from './engine-fixture.ts';
import { eventually } from './eventually.ts';
import { removeAllOf } from './leftovers.ts';
import { endPrograms } from './processes.ts';

const checkout = resolve(import.meta.dirname, '../..');

export interface CommandResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** Milliseconds from start to the first byte on stderr, and to the end. */
  readonly firstOutputMs: number;
  readonly durationMs: number;
}

export interface HttpAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly body: string;
}

export interface PlatformOptions {
  /** Settings by their environment names, added to free ports and a new home. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Another platform's home, to start it again. */
  readonly root?: string;
}

/**
 * A whole platform as a user has it: the launcher with its two programs, in its own home on free ports, and the command
 * line. Disposing of it removes everything that it made in the engine.
 */
export class TestPlatform implements AsyncDisposable {
  readonly root: string;
  readonly env: Readonly<Record<string, string>>;
  readonly httpPort: number;
  readonly apiPort: number;
  readonly engine = createDockerEngine({ dockerHost: testDockerHost() });
  #launcher: ChildProcess | null = null;
  #output = '';
  #platformId: string | null = null;
  readonly #claim: Awaited<ReturnType<typeof claim>>;

  private constructor(
    place: { readonly root: string; readonly claim: Awaited<ReturnType<typeof claim>> },
    ports: { readonly http: number; readonly api: number },
    settings: Readonly<Record<string, string>>,
  ) {
    const { root } = place;
    this.root = root;
    this.#claim = place.claim;
    this.httpPort = ports.http;
    this.apiPort = ports.api;
    const { PATH = '/usr/bin:/bin', PAAS_DOCKER_HOST } = environment();
    this.env = {
      ...networkEnvironment(),
      PATH: `${join(checkout, 'node_modules/.bin')}:${PATH}`,
      HOME: join(root, 'user'),
      XDG_CONFIG_HOME: join(root, 'user/.config'),
      LC_ALL: 'C.UTF-8',
      NO_COLOR: '1',
      GIT_CONFIG_NOSYSTEM: '1',
      GIT_AUTHOR_NAME: 'Ada',
      GIT_AUTHOR_EMAIL: 'ada@example.com',
      GIT_COMMITTER_NAME: 'Ada',
      GIT_COMMITTER_EMAIL: 'ada@example.com',
      GIT_TERMINAL_PROMPT: '0',
      PAAS_HOME: join(root, 'paas'),
      PAAS_HTTP_PORT: String(ports.http),
      PAAS_API_PORT: String(ports.api),
      PAAS_BIND: '127.0.0.1',
      // A test must not link the machine's command.
      PAAS_LINK_COMMAND: 'false',
      ...(PAAS_DOCKER_HOST ? { PAAS_DOCKER_HOST } : {}),
      ...settings,
    };
  }

  static async start({ settings = {}, root }: PlatformOptions = {}): Promise<TestPlatform> {
    const home = root ?? (await mkdtemp(join(tmpdir(), 'paas-e2e-')));
    // git runs as a user of its own below it.
    await chmod(home, 0o711);
    await mkdir(join(home, 'user'), { recursive: true });
    const place = { root: home, claim: await claim({ folder: home, dockerHost: testDockerHost() }) };
    const platform = new TestPlatform(place, { http: await freePort(), api: await freePort() }, settings);
    try {
      await platform.launch();
    } catch (error) {
      await platform[Symbol.asyncDispose]();
      throw error;
    }
    return platform;
  }

  /** Starts the launcher, as `npm start` does, and waits until the platform says that it is ready. */
  async launch(): Promise<void> {
    const launcher = this.#spawnLauncher();
    await eventually(
      'the platform is ready',
      async () => {
        if (launcher.exitCode !== null)
          throw new Error(`the launcher ended with ${launcher.exitCode}:\n${this.#output}`);
        return this.#output.includes('The platform is ready');
      },
      { deadlineMs: 180_000, everyMs: 50 },
    ).catch((error: unknown) => {
      throw new Error(`${(error as Error).message}\n${this.#output}`, { cause: error });
    });
    this.#platformId = await this.platformId();
  }

  /** Starts the launcher for a platform that does not get ready, and waits for these words of it. */
  async launchUntil(said: RegExp): Promise<void> {
    this.#spawnLauncher();
    await eventually(`the launcher says ${said}`, () => said.test(this.#output));
  }

  #spawnLauncher(): ChildProcess {
    const launcher = spawn(
      process.execPath,
      [join(checkout, 'src/bootstrap.cjs'), join(checkout, 'src/launcher/main.ts')],
      {
        env: this.env,
        cwd: checkout,
        stdio: ['ignore', 'pipe', 'pipe'],
      },
    );
    this.#launcher = launcher;
    if (launcher.pid !== undefined) this.#claim.add({ launcherPid: launcher.pid });
    this.#output = '';
    for (const stream of [launcher.stdout, launcher.stderr])
      stream?.on('data', (chunk: Buffer) => (this.#output += chunk.toString()));
    return launcher;
  }

  /** What the launcher printed since it was started. */
  get output(): string {
    return this.#output;
  }

  get launcherPid(): number {
    return this.#launcher?.pid ?? 0;
  }

  /** Calls back when the launcher that runs now has ended. */
  onceEnded(ended: () => void): void {
    this.#launcher?.once('exit', ended);
  }

  orchestratorPid(): number {
    return this.pidOf('orchestrator');
  }

  resolverPid(): number {
    return this.pidOf('resolver');
  }

  /** NaN when there is none: a kill of 0 would signal this process group. */
  pidOf(program: 'orchestrator' | 'resolver'): number {
    return readLock(this.env.PAAS_HOME ?? '')?.programs[program]?.pid ?? Number.NaN;
  }

  /** Sends Ctrl-C to the launcher. Apps go on. */
  async stop(): Promise<void> {
    const launcher = this.#launcher;
    if (!launcher || launcher.exitCode !== null || launcher.signalCode !== null) return;
    launcher.kill('SIGINT');
    await eventually('the launcher ends', () => launcher.exitCode !== null || launcher.signalCode !== null, {
      deadlineMs: 30_000,
    });
  }

  /** Kills the launcher alone, as the kernel does when memory is out. */
  async killLauncher(): Promise<void> {
    const launcher = this.#launcher;
    launcher?.kill('SIGKILL');
    await eventually('the launcher is gone', () => launcher?.exitCode !== null || launcher.signalCode !== null);
  }

  /** Runs any program in the user's environment. */
  run(
    program: string,
    args: readonly string[],
    { cwd = this.root, input = '', env = {} }: RunOptions = {},
  ): Promise<CommandResult> {
    return runProgram(program, args, { cwd, input, env: { ...this.env, ...env } });
  }

  /** The command line, as a user types it. */
  paas(args: readonly string[], options: RunOptions = {}): Promise<CommandResult> {
    return this.run(process.execPath, [join(checkout, 'src/cli/paas.cjs'), ...args], options);
  }

  git(repo: string, ...args: readonly string[]): Promise<CommandResult> {
    return this.run('git', args, { cwd: repo });
  }

  /** A git repository with these files committed; call again with the same name to commit a change. */
  async commit(name: string, files: Readonly<Record<string, string>>, message = 'Change'): Promise<string> {
    const repo = join(this.root, name);
    if (!existsSync(join(repo, '.git'))) {
      await mkdir(repo, { recursive: true });
      await must(this.git(repo, 'init', '-q', '-b', 'main'));
    }
    for (const [path, content] of Object.entries(files)) {
      await mkdir(dirname(join(repo, path)), { recursive: true });
      await writeFile(join(repo, path), content);
    }
    await must(this.git(repo, 'add', '-A'));
    await must(this.git(repo, 'commit', '-q', '--allow-empty', '-m', message));
    return repo;
  }

  /** A repository with an app of its name and the remote `paas`. */
  async app(name: string, files: Readonly<Record<string, string>>): Promise<string> {
    const repo = await this.commit(name, files);
    await must(this.paas(['create', name], { cwd: repo }));
    return repo;
  }

  /** The same, pushed and serving. */
  async deployed(name: string, files: Readonly<Record<string, string>>): Promise<string> {
    const repo = await this.app(name, files);
    await must(this.push(repo));
    return repo;
  }

  push(repo: string, ...args: readonly string[]): Promise<CommandResult> {
    return this.git(repo, 'push', 'paas', 'main', ...args);
  }

  /** Sends a request as the public does: to the app's hostname, through the resolver. */
  http(app: string, path = '/', headers: Readonly<Record<string, string>> = {}): Promise<HttpAnswer> {
    return httpGet({ port: this.httpPort, path, headers: { Host: `${app}.localhost:${this.httpPort}`, ...headers } });
  }

  async api(path: string): Promise<HttpAnswer> {
    return httpGet({
      port: this.apiPort,
      path,
      headers: { Authorization: `Bearer ${await this.token()}`, Accept: 'application/vnd.heroku+json; version=3' },
    });
  }

  async apiJson<T>(path: string): Promise<T> {
    const answer = await this.api(path);
    if (answer.status !== 200) throw new Error(`GET ${path} answered ${answer.status}: ${answer.body}`);
    return JSON.parse(answer.body) as T;
  }

  async token(): Promise<string> {
    try {
      const all = JSON.parse(
        await readFile(join(this.env.XDG_CONFIG_HOME ?? '', 'paas/credentials.json'), 'utf8'),
      ) as Record<string, { token: string }>;
      return Object.values(all)[0]?.token ?? '';
    } catch {
      return '';
    }
  }

  async platformId(): Promise<string> {
    return (await this.apiJson<{ platform_id: string }>('/platform/status')).platform_id;
  }

  /** The app's running containers. */
  async containers(app: string) {
    const { id } = await this.apiJson<{ id: string }>(`/apps/${app}`);
    return this.engine.containers.list({ [labelNames.app]: id, [labelNames.role]: 'instance' });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    endPrograms(this.env.PAAS_HOME ?? '');
    // A platform that was never ready has its id only in the store.
    const platformId = this.#platformId ?? idIn(join(this.root, 'paas/state.db'));
    if (platformId !== null) await removeAllOf(platformId, testDockerHost());
    await rm(this.root, { recursive: true, force: true });
    this.#claim.release();
  }
}

interface RunOptions {
  readonly cwd?: string;
  readonly input?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** Returns the result of a command that must succeed. If it fails, the error has its whole output. */
export async function must(result: Promise<CommandResult>): Promise<CommandResult> {
  const { code, stdout, stderr } = await result;
  if (code !== 0) throw new Error(`exit ${code}\n${stdout}\n${stderr}`);
  return result;
}

export function runProgram(
  program: string,
  args: readonly string[],
  { cwd, input, env }: { readonly cwd: string; readonly input: string; readonly env: Readonly<Record<string, string>> },
): Promise<CommandResult> {
  return new Promise((resolvePromise, reject) => {
    const begin = performance.now();
    let firstOutputMs = Number.POSITIVE_INFINITY;
    const child = spawn(program, args, { cwd, env });
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => {
      firstOutputMs = Math.min(firstOutputMs, performance.now() - begin);
      stderr += chunk.toString();
    });
    child.stdin.on('error', () => undefined);
    child.stdin.end(input);
    child.once('error', reject);
    child.once('close', (code) =>
      resolvePromise({ code, stdout, stderr, firstOutputMs, durationMs: performance.now() - begin }),
    );
  });
}

export function httpGet({
  port,
  path,
  headers,
}: {
  readonly port: number;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
}): Promise<HttpAnswer> {
  return new Promise((resolvePromise, reject) => {
    const sent = request(
      { host: '127.0.0.1', port, path, headers, agent: false, timeout: scaled(60_000) },
      (response) => {
        let body = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => (body += chunk));
        response.once('end', () =>
          resolvePromise({ status: response.statusCode ?? 0, headers: response.headers, body }),
        );
        response.once('error', reject);
      },
    );
    sent.once('timeout', () => sent.destroy(new Error(`no answer from port ${port} within 60 s`)));
    sent.once('error', reject);
    sent.end();
  });
}

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const address = server.address();
  await new Promise((done) => server.close(done));
  return typeof address === 'object' && address ? address.port : 0;
}

/** The variables that this machine needs to reach its package registries. */
function networkEnvironment(): Readonly<Record<string, string>> {
  const wanted =
    /^(https?_proxy|no_proxy|all_proxy|npm_config_.*|NODE_EXTRA_CA_CERTS|SSL_CERT_FILE|CURL_CA_BUNDLE|GIT_SSL_CAINFO|PIP_CERT|REQUESTS_CA_BUNDLE)$/i;
  return Object.fromEntries(
    Object.entries(environment()).flatMap(([name, value]) =>
      value !== undefined && wanted.test(name) ? [[name, value] as const] : [],
    ),
  );
}
