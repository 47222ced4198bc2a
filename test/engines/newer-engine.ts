import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, open, readdir, readFile, rename, rm, rmdir, stat } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { environment } from '../../src/config/environment.ts';
import { createDockerEngine } from '../../src/engine/docker-engine.ts';
import { scaled } from '../support/deadline.ts';
import { eventually } from '../support/eventually.ts';
import { childrenOf } from '../support/processes.ts';
import { Uplink } from '../support/uplink.ts';

const run = promisify(execFile);
/** A state directory younger than this may belong to an engine that is starting and does not answer yet. */
const startingMs = 2 * 60_000;
const packages = 'ca-certificates,docker.io,docker-cli,docker-buildx,containerd,runc,iptables';

/** Debian sid with its Docker engine as a directory, made once (about 20 s) and kept. Needs root and mmdebstrap. */
export async function newerEngineRoot(cacheDir: string): Promise<string> {
  const root = join(cacheDir, 'sid');
  if (existsSync(root)) return root;
  await mkdir(cacheDir, { recursive: true });
  const unfinished = `${root}.unfinished`;
  await rm(unfinished, { recursive: true, force: true });
  // A mirror's snapshot of sid may be older than its signature allows.
  const options = ['--aptopt=Acquire::Check-Valid-Until "false"', '--variant=minbase', `--include=${packages}`];
  await run('mmdebstrap', [...options, 'sid', unfinished], {
    timeout: scaled(10 * 60_000),
    maxBuffer: 64 * 1024 * 1024,
  });
  await rename(unfinished, root);
  return root;
}

/**
 * A second engine beside the installed one, in its own mount, process and network namespaces. Programs that must reach its
 * containers run in that network too (`inItsNetwork`). Disposing of it leaves nothing.
 */
export class NewerEngine implements AsyncDisposable {
  readonly dockerHost: string;
  readonly #unshare: ChildProcess;
  readonly #state: string;
  readonly #pid: number;
  readonly #uplink: Uplink;

  private constructor(parts: { unshare: ChildProcess; state: string; pid: number; uplink: Uplink }) {
    this.#unshare = parts.unshare;
    this.#state = parts.state;
    this.#pid = parts.pid;
    this.#uplink = parts.uplink;
    this.dockerHost = `unix://${join(parts.state, 'docker.sock')}`;
  }

  static async start(cacheDir: string, store: 'graph' | 'containerd'): Promise<NewerEngine> {
    const root = await newerEngineRoot(cacheDir);
    await removeLeftBehind(cacheDir);
    const state = await mkdtemp(join(cacheDir, 'run-'));
    const log = await open(join(state, 'dockerd.log'), 'w');
    const script = resolve(import.meta.dirname, 'start-engine.sh');
    const namespaces = ['--mount', '--net', '--pid', '--fork', '--kill-child', '--propagation', 'private'];
    const args = [root, state, String(store === 'containerd'), cgroupOf(state)];
    const unshare = spawn('unshare', [...namespaces, 'sh', script, ...args], {
      stdio: ['ignore', log.fd, log.fd],
      // The runner's temporary folder does not exist in the engine's root.
      env: { ...environment(), TMPDIR: '/tmp' },
    });
    await log.close();
    try {
      // unshare's only child is the first process of the namespaces: the script, and then the engine.
      const parent = unshare.pid ?? 0;
      const pid = await eventually('the engine’s process is there', () => childrenOf(parent)[0]?.pid);
      const uplink = await Uplink.create(pid);
      const engine = new NewerEngine({ unshare, state, pid, uplink });
      const info = await eventually('the engine answers', () => createDockerEngine(engine).info(), {
        deadlineMs: 60_000,
      });
      if (info.imageStore !== store) throw new Error(`Its image store is ${info.imageStore}, not ${store}.`);
      return engine;
    } catch (error) {
      unshare.kill('SIGKILL');
      if (unshare.exitCode === null && unshare.signalCode === null) await once(unshare, 'exit');
      const words = await readFile(join(state, 'dockerd.log'), 'utf8');
      await rm(state, { recursive: true, force: true });
      throw new Error(`The newer engine did not start:\n${words.slice(-4000)}`, { cause: error });
    }
  }

  /** Changes a program and its arguments so that it runs in the network of the engine's containers. */
  inItsNetwork(program: string, args: readonly string[]): readonly [string, readonly string[]] {
    return ['nsenter', ['--target', String(this.#pid), '--net', '--', program, ...args]];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = once(this.#unshare, 'exit');
    process.kill(this.#pid, 'SIGTERM');
    const gone = await Promise.race([ended, new Promise((done) => setTimeout(done, 20_000, null).unref())]);
    // When the first process of a process namespace ends, all others end too.
    if (gone === null) {
      this.#unshare.kill('SIGKILL');
      await ended;
    }
    await this.#uplink[Symbol.asyncDispose]();
    await rm(this.#state, { recursive: true, force: true });
    await removeCgroups(cgroupOf(this.#state));
  }
}

function cgroupOf(state: string): string {
  return `paas-test-${basename(state)}`;
}

/** Removes the state of engines whose runner was killed. */
async function removeLeftBehind(cacheDir: string): Promise<void> {
  for (const name of (await readdir(cacheDir)).filter((entry) => entry.startsWith('run-'))) {
    const state = join(cacheDir, name);
    const { mtimeMs } = await stat(state);
    const answers = await createDockerEngine({ dockerHost: `unix://${join(state, 'docker.sock')}` })
      .info()
      .catch(() => null);
    if (answers === null && Date.now() - mtimeMs > startingMs) await rm(state, { recursive: true, force: true });
  }
}

/** Containers that were killed with their engine leave their empty cgroups behind. */
async function removeCgroups(name: string): Promise<void> {
  const top = '/sys/fs/cgroup';
  const hierarchies = [top, ...(await readdir(top)).map((entry) => join(top, entry))];
  for (const hierarchy of hierarchies) await removeTree(join(hierarchy, name));
}

async function removeTree(group: string): Promise<void> {
  const entries = await readdir(group, { withFileTypes: true }).catch(() => []);
  for (const entry of entries) if (entry.isDirectory()) await removeTree(join(group, entry.name));
  await rmdir(group).catch(() => {});
}
