import { execFile } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { BridgeOnHost, EngineOnHost } from '../domain/host-hands.ts';
import { stepGroup } from './step-rules.ts';

/*
 * BuildKit puts every step on the engine's default bridge, with the capability NET_RAW, and its API has no way to change
 * either. On a bridge, who may send raw frames can take other ports' addresses. So a step's port is taken off the bridge and
 * becomes a routed interface of its own: the host answers ARP there, and a route leads to the one address that the engine
 * gave to the step. A packet with another source address is dropped (step-rules.ts), and a forged frame reaches nobody.
 *
 * The port appears 160 ms or more before the step's process runs (measured with 20.10 on a busy host), and it has no
 * carrier until the engine has moved its other end into the step. It is taken off before, so it carries no frame on the bridge.
 */

const interfaces = '/sys/class/net';
const lookEveryMs = 5;
const askEveryMs = 100;
const programDeadlineMs = 5_000;
/** IFF_UP (linux/if.h). The engine sets it last, when it needs the port no more. */
const isUp = 1;

export interface StepPortsDeps extends BridgeOnHost {
  readonly steps: StepGroups;
  /** Process numbers of the containers on that bridge, one for each, as the engine has them. */
  readonly containerProcesses: () => Promise<readonly number[]>;
}

/** The control groups of BuildKit's steps: a folder, and which of its subfolders are a step's. */
export interface StepGroups {
  readonly folder: string;
  readonly isStep: (name: string) => boolean;
  /** BuildKit's folder with what it gave to runc for each running step. An engine may be told to use other groups. */
  readonly configs: string;
  /** The hierarchy of the groups. */
  readonly root: string;
}

interface Port {
  readonly index: number;
  /** The number of the interface at the other end, in its own network. */
  readonly peer: number;
  readonly hairpin: string | null;
  /** `off`: in no bridge, and of nobody yet. `step`: a step has it, and a route leads there. */
  state: 'leaving' | 'off' | 'settling' | 'step';
  askAt: number;
}

/** Takes steps' ports off the bridge from its construction until `close`. Ports of containers are put back. */
export class StepPorts {
  readonly #deps: StepPortsDeps;
  readonly #ports = new Map<string, Port>();
  /** Ports that were there before, and those of containers. */
  readonly #left: Set<string>;
  readonly #timer: NodeJS.Timeout;

  constructor(deps: StepPortsDeps) {
    this.#deps = deps;
    this.#left = new Set(this.#onBridge());
    this.#timer = setInterval(() => this.#look(), lookEveryMs);
    this.#timer.unref();
  }

  /** Whether a port that was taken off still exists. */
  get isUsed(): boolean {
    return this.#ports.size > 0;
  }

  close(): void {
    clearInterval(this.#timer);
  }

  /** Reads without a promise, because it must not wait behind anything: these files take 0.02 ms. */
  #look(): void {
    for (const name of this.#onBridge()) {
      if (this.#left.has(name) || this.#ports.has(name)) continue;
      if (!(Number(read(name, 'flags')) & isUp)) continue;
      const port: Port = {
        index: Number(read(name, 'ifindex')),
        peer: Number(read(name, 'iflink')),
        hairpin: read(name, 'brport/hairpin_mode'),
        state: 'leaving',
        askAt: 0,
      };
      this.#ports.set(name, port);
      void this.#takeOff(name, port);
    }
    for (const [name, port] of this.#ports) {
      if (!existsSync(join(interfaces, name))) this.#ports.delete(name);
      else if (port.state === 'off' && read(name, 'carrier') === '1') void this.#settle(name, port);
    }
    for (const name of this.#left) if (!existsSync(join(interfaces, name))) this.#left.delete(name);
  }

  async #takeOff(name: string, port: Port): Promise<void> {
    await ip(['link', 'set', 'dev', name, 'nomaster', 'group', String(stepGroup)]);
    if (existsSync(join(interfaces, name, 'master'))) {
      this.#ports.delete(name);
      return;
    }
    setOption(`ipv4/conf/${name}/forwarding`, '1');
    setOption(`ipv6/conf/${name}/disable_ipv6`, '1');
    port.state = 'off';
  }

  async #settle(name: string, port: Port): Promise<void> {
    port.state = 'settling';
    const { gateway, steps } = this.#deps;
    const isAsking = performance.now() >= port.askAt;
    const address =
      (await addressOfStep(groupsOf(steps), port)) ??
      (isAsking ? await addressOfStep(configuredGroups(steps), port) : null);
    if (address !== null) {
      await ip(['route', 'add', `${address}/32`, 'dev', name, 'src', gateway]);
      port.state = 'step';
      return;
    }
    if (isAsking && (await this.#isContainers(port))) {
      setOption(`ipv6/conf/${name}/disable_ipv6`, readText('/proc/sys/net/ipv6/conf/default/disable_ipv6') ?? '0');
      await ip(['link', 'set', 'dev', name, 'master', this.#deps.interface, 'group', 'default']);
      if (port.hairpin === '1') write(join(interfaces, name, 'brport/hairpin_mode'), '1');
      this.#left.add(name);
      this.#ports.delete(name);
      return;
    }
    port.state = 'off';
  }

  /** Only a container that the engine knows gets its port back. Without an answer the port stays off. */
  async #isContainers(port: Port): Promise<boolean> {
    port.askAt = performance.now() + askEveryMs;
    const pids = await this.#deps.containerProcesses().catch(() => []);
    for (const pid of pids) if (await isOtherEnd(pid, port)) return true;
    return false;
  }

  #onBridge(): readonly string[] {
    try {
      return readdirSync(join(interfaces, this.#deps.interface, 'brif'));
    } catch {
      // The engine is being restarted.
      return [];
    }
  }
}

/** Where BuildKit's steps run, below the mount of cgroups. */
export function stepGroups(
  { cgroupVersion, cgroupDriver, dataRoot }: EngineOnHost,
  cgroupRoot = '/sys/fs/cgroup',
): StepGroups {
  const root = cgroupVersion === 1 ? join(cgroupRoot, 'pids') : cgroupRoot;
  const common = { root, configs: join(dataRoot, 'buildkit/executor') };
  return cgroupDriver === 'systemd'
    ? { ...common, folder: join(root, 'system.slice'), isStep: (name) => /^[\w.-]+\.slice:[\w.-]*:\w+$/.test(name) }
    : { ...common, folder: join(root, 'docker/buildkit'), isStep: (name) => /^\w+$/.test(name) };
}

function groupsOf({ folder, isStep }: StepGroups): readonly string[] {
  try {
    return readdirSync(folder)
      .filter(isStep)
      .map((name) => join(folder, name));
  } catch {
    return [];
  }
}

/** The groups that BuildKit named in its steps' configuration for runc. */
function configuredGroups({ configs, root }: StepGroups): readonly string[] {
  try {
    return readdirSync(configs).flatMap((id) => {
      const path = /"cgroupsPath":"(\/[^"]+)"/.exec(readText(join(configs, id, 'config.json')) ?? '')?.[1];
      return path === undefined ? [] : [join(root, path)];
    });
  } catch {
    return [];
  }
}

/** The address of the step at the other end of a port. Null if there is none. A step has no right to change its address. */
async function addressOfStep(groups: readonly string[], port: Port): Promise<string | null> {
  for (const group of groups) {
    const pid = Number(readText(join(group, 'cgroup.procs'))?.split('\n')[0]);
    if (pid && (await isOtherEnd(pid, port))) return localAddress(readText(`/proc/${pid}/net/fib_trie`) ?? '');
  }
  return null;
}

/**
 * Whether a process's network has the other end of a port. Numbers of interfaces are unique in one network only: so it is
 * asked there for the port's own number. `igmp` begins the line of each interface with its number, and saves most questions.
 */
async function isOtherEnd(pid: number, { peer, index }: Port): Promise<boolean> {
  if (!new RegExp(`^${peer}\\t`, 'm').test(readText(`/proc/${pid}/net/igmp`) ?? '')) return false;
  const links = await run('nsenter', ['--target', String(pid), '--net', '--', 'ip', '-oneline', 'link', 'show']);
  return new RegExp(`^${peer}: [^ ]+@if${index}:`, 'm').test(links);
}

/** The local address in `/proc/PID/net/fib_trie` that is not of the loopback. */
export function localAddress(trie: string): string | null {
  const local = [...trie.matchAll(/\|-- ([\d.]+)\n\s+\/32 host LOCAL/g)].map(([, address = '']) => address);
  return local.find((address) => !address.startsWith('127.')) ?? null;
}

function read(name: string, file: string): string | null {
  return readText(join(interfaces, name, file));
}

function readText(path: string): string | null {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    // The port or the process is gone.
    return null;
  }
}

function setOption(name: string, value: string): void {
  write(join('/proc/sys/net', name), value);
}

function write(path: string, text: string): void {
  try {
    writeFileSync(path, text);
  } catch {
    // The port is gone, or the kernel has no IPv6.
  }
}

async function ip(args: readonly string[]): Promise<void> {
  await run('ip', args);
}

/** The output. Empty if it fails, because the port or the process is gone: the next look sees it. */
function run(program: 'ip' | 'nsenter', args: readonly string[]): Promise<string> {
  return new Promise((resolve) => {
    execFile(program, args, { timeout: programDeadlineMs }, (_, stdout) => resolve(stdout));
  });
}
