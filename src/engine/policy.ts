import { posix } from 'node:path';
import type Docker from 'dockerode';
import type { ContainerLimits, ContainerNetwork, ContainerSpec, Sandbox } from '../domain/engine.ts';
import { PlatformError } from '../domain/errors.ts';
import { atLeast } from './api-version.ts';
import seccompProfile from './sandbox.seccomp.json' with { type: 'json' };

/** What the engine can do, as far as the sandbox depends on it. */
export interface EngineAbilities {
  readonly apiVersion: string;
  readonly cgroupVersion: 1 | 2;
  readonly cpus: number;
  /** The most open files that the engine may give to a container (open-files.ts). */
  readonly openFiles: number;
}

const megabyte = 1024 * 1024;

interface SandboxDefaults {
  readonly pids: (memoryBytes: number) => number;
  readonly cpuShares: number;
  /** 0 leaves /tmp on disk. */
  readonly tmpBytes: (memoryBytes: number) => number;
  readonly log: { readonly Type: string; readonly Config: Readonly<Record<string, string>> };
}

const sandboxes: Readonly<Record<Sandbox, SandboxDefaults>> = {
  app: {
    pids: (memoryBytes) => (memoryBytes > 1024 * megabyte ? 512 : 256),
    cpuShares: 1024,
    // Files in /tmp count as the container's memory: never let them alone fill it.
    tmpBytes: (memoryBytes) => Math.min(128 * megabyte, Math.floor(memoryBytes / 2)),
    // Blocking on purpose: `non-blocking` loses lines without a word when its buffer is full.
    log: { Type: 'local', Config: { 'max-size': '10m', 'max-file': '3' } },
  },
  // A quarter of an app's weight: a build never slows down what serves. Its /tmp holds compilers' output, too big for memory.
  // Nor is its output kept by the engine: the builder reads all of it, and a 120 MB layer on stdout took 4.4 s instead of 1.2.
  build: { pids: () => 1024, cpuShares: 256, tmpBytes: () => 0, log: { Type: 'none', Config: {} } },
};

/**
 * The one place where a container's request is made: everything that runs gets the whole sandbox of
 * contracts/hardening.md §3, and what a spec cannot say cannot be had (no host path, device, capability, host namespace
 * or published port). Throws `invalid_params` for root, a relative mount point, a volume name that is a path.
 */
export function containerRequest(spec: ContainerSpec, engine: EngineAbilities): Docker.ContainerCreateOptions {
  const interactive = spec.openStdin ?? false;
  return {
    Image: spec.image,
    User: unprivileged(spec.name, spec.user),
    Labels: { ...spec.labels },
    Env: environmentOf(spec.name, spec.env),
    Tty: spec.tty ?? false,
    OpenStdin: interactive,
    // The process sees the end of its input when the one who is attached ends it.
    StdinOnce: interactive,
    AttachStdin: interactive,
    AttachStdout: true,
    AttachStderr: true,
    StopSignal: spec.stopSignal ?? 'SIGTERM',
    // An image may ask to be checked every millisecond, and each check costs the engine, not the container, a process.
    Healthcheck: { Test: ['NONE'] },
    ...(spec.entrypoint === undefined ? {} : { Entrypoint: [...spec.entrypoint] }),
    ...(spec.command === undefined ? {} : { Cmd: [...spec.command] }),
    ...(spec.workingDir === undefined ? {} : { WorkingDir: spec.workingDir }),
    ...(spec.hostname === undefined ? {} : { Hostname: spec.hostname }),
    HostConfig: hostConfig(spec, engine),
    ...endpoint(firstNetwork(spec)),
  };
}

/**
 * The one network that a container is made in; the engine takes no second one in this call. Throws `invalid_params` for a
 * mode in a network's place: `host` and `container:…` are namespaces of others.
 */
function firstNetwork(spec: ContainerSpec): ContainerNetwork | undefined {
  for (const { id } of spec.networks) {
    if (/^[a-zA-Z0-9][\w.-]*$/.test(id) && !['host', 'bridge', 'default', 'none'].includes(id)) continue;
    throw new PlatformError('invalid_params', `${spec.name} would be in "${id}", which is no network of ours.`);
  }
  return startNetworks(spec)[0];
}

export function startNetworks({ networks }: ContainerSpec): readonly ContainerNetwork[] {
  return networks.filter(({ when }) => when === 'start');
}

function endpoint(network: ContainerNetwork | undefined): Pick<Docker.ContainerCreateOptions, 'NetworkingConfig'> {
  if (network === undefined || network.aliases.length === 0) return {};
  return { NetworkingConfig: { EndpointsConfig: { [network.id]: { Aliases: [...network.aliases] } } } };
}

function hostConfig(spec: ContainerSpec, engine: EngineAbilities): Docker.HostConfig {
  const defaults = sandboxes[spec.sandbox];
  const openFiles = { Name: 'nofile', Soft: engine.openFiles, Hard: engine.openFiles };
  return {
    Init: true,
    Privileged: false,
    CapAdd: [],
    CapDrop: ['ALL'],
    // The engine wants the profile's text: a path fails, and only at start.
    SecurityOpt: ['no-new-privileges:true', `seccomp=${JSON.stringify(seccompProfile)}`],
    ...resources(
      {
        memoryBytes: spec.memoryBytes,
        cpus: spec.cpus,
        cpuShares: spec.cpuShares ?? defaults.cpuShares,
        pids: spec.pids ?? defaults.pids(spec.memoryBytes),
      },
      engine,
    ),
    // cgroup v2 has no such knob, and the engine warns about it.
    ...(engine.cgroupVersion === 1 ? { MemorySwappiness: 0 } : {}),
    // When the host itself runs out of memory, containers go before the platform and the engine.
    OomScoreAdj: 500,
    Ulimits: [openFiles, { Name: 'core', Soft: 0, Hard: 0 }],
    Tmpfs: tmpfs(spec.tmpBytes || defaults.tmpBytes(spec.memoryBytes)),
    ShmSize: 64 * megabyte,
    ReadonlyRootfs: spec.readOnlyRoot ?? false,
    Binds: [],
    Mounts: (spec.volumes ?? []).map(volumeMount),
    NetworkMode: firstNetwork(spec)?.id ?? 'none',
    PublishAllPorts: false,
    PortBindings: {},
    IpcMode: 'private',
    PidMode: '',
    UTSMode: '',
    ...(atLeast(engine.apiVersion, '1.41') ? { CgroupnsMode: 'private' } : {}),
    // The supervisor restarts: it knows why an instance ended, and backs off per release.
    RestartPolicy: { Name: 'no' },
    LogConfig: defaults.log,
  } as Docker.HostConfig;
}

/** A container's limits as the engine writes them, at its creation and at a change. */
function resources(
  { memoryBytes, cpus, cpuShares, pids }: ContainerLimits,
  engine: Pick<EngineAbilities, 'cpus'>,
): Docker.HostConfig {
  return {
    // Memory alone would leave as much swap on top of it.
    ...(memoryBytes === undefined ? {} : { Memory: memoryBytes, MemorySwap: memoryBytes }),
    // More than the host has is refused by the engine, less than a hundredth too.
    ...(cpus === undefined ? {} : { NanoCpus: Math.round(Math.max(0.01, Math.min(cpus, engine.cpus)) * 1e9) }),
    ...(cpuShares === undefined ? {} : { CpuShares: cpuShares }),
    ...(pids === undefined ? {} : { PidsLimit: pids }),
  };
}

/** What the engine takes for "no limit", or refuses, is refused before it is asked. */
const leastLimits: Readonly<Record<keyof ContainerLimits, number>> = {
  memoryBytes: 6 * megabyte,
  cpus: Number.MIN_VALUE,
  cpuShares: 2,
  pids: 1,
};

/** The request for other limits of a container that is there. Throws `invalid_params` for one that would mean "no limit". */
export function limitsRequest(limits: ContainerLimits, engine: Pick<EngineAbilities, 'cpus'>): Docker.HostConfig {
  for (const [name, least] of Object.entries(leastLimits)) {
    const value = limits[name as keyof ContainerLimits];
    if (value === undefined || (Number.isFinite(value) && value >= least)) continue;
    throw new PlatformError('invalid_params', `A container cannot have ${value} as its limit of ${name}.`);
  }
  return resources(limits, engine);
}

/** The user, as a number. Throws `invalid_params` for root. `name` is the thing that would run as it. */
export function unprivileged(name: string, user: string): string {
  const match = /^(\d{1,10}):(\d{1,10})$/.exec(user);
  if (match === null || Number(match[1]) === 0) {
    throw new PlatformError('invalid_params', `${name} would run as "${user}": containers never run as root.`, {
      hint: 'Give a numeric uid:gid with a uid other than 0.',
    });
  }
  return user;
}

/** As the engine wants it. `who` is the thing that would have it. */
export function environmentOf(who: string, env: ContainerSpec['env']): string[] {
  return Object.entries(env).map(([name, value]) => {
    if (name === '' || /[=\0]/.test(name) || value.includes('\0')) {
      throw new PlatformError('invalid_params', `${who}: "${name}" cannot be an environment variable.`);
    }
    return `${name}=${value}`;
  });
}

type VolumeOfSpec = NonNullable<ContainerSpec['volumes']>[number];

/** A volume by name. A name that is no plain word could be a path of the host. */
function volumeMount(volume: VolumeOfSpec): Docker.MountSettings {
  if (!/^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/.test(volume.name)) {
    throw new PlatformError('invalid_params', `"${volume.name}" is no name of a volume.`);
  }
  if (!posix.isAbsolute(volume.path) || posix.normalize(volume.path) !== volume.path || volume.path === '/') {
    throw new PlatformError('invalid_params', `A volume cannot be mounted at "${volume.path}".`);
  }
  return { Type: 'volume', Source: volume.name, Target: volume.path, ReadOnly: volume.readOnly ?? false };
}

/**
 * `exec` because the engine's own default for a tmpfs is noexec, and programs that unpack a library into /tmp and load it
 * (JNA, Netty, many Python wheels) would break; an app can write executables to its own disk anyway.
 */
function tmpfs(sizeBytes: number): Record<string, string> {
  if (sizeBytes <= 0) return {};
  return { '/tmp': `rw,exec,nosuid,nodev,size=${sizeBytes},mode=1777` };
}
