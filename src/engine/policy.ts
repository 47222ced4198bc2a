import { posix } from 'node:path';
import type Docker from 'dockerode';
import {
  type ContainerLimits,
  type ContainerNetwork,
  type ContainerSpec,
  defaultTerminals,
  type Sandbox,
} from '../domain/containers.ts';
import { PlatformError } from '../domain/errors.ts';
import { atLeast } from './api-version.ts';
import seccompProfile from './sandbox.seccomp.json' with { type: 'json' };

/** Properties of the engine on which the sandbox depends. */
export interface EngineAbilities {
  readonly apiVersion: string;
  readonly cgroupVersion: 1 | 2;
  readonly cpus: number;
  /** The largest number of open files that the engine can give to a container (open-files.ts). */
  readonly openFiles: number;
}

const megabyte = 1024 * 1024;

interface SandboxDefaults {
  readonly pids: (memoryBytes: number) => number;
  readonly cpuShares: number;
  readonly terminals: number;
  /** 0 leaves /tmp on disk. */
  readonly tmpBytes: (memoryBytes: number) => number;
  readonly log: { readonly Type: string; readonly Config: Readonly<Record<string, string>> };
}

const sandboxes: Readonly<Record<Sandbox, SandboxDefaults>> = {
  app: {
    pids: (memoryBytes) => (memoryBytes > 1024 * megabyte ? 512 : 256),
    cpuShares: 1024,
    terminals: defaultTerminals,
    // Files in /tmp count as the container's memory. They alone must not fill it.
    tmpBytes: (memoryBytes) => Math.min(128 * megabyte, Math.floor(memoryBytes / 2)),
    // Blocking, because `non-blocking` silently loses lines when its buffer is full.
    log: { Type: 'local', Config: { 'max-size': '10m', 'max-file': '3' } },
  },
  // A quarter of an app's weight, so that builds do not slow apps down. /tmp is on disk, because compilers' output is too big
  // for memory. The engine keeps no log of a build: the builder reads all of its output, and with a log a 120 MB layer on
  // stdout took 4.4 s instead of 1.2 s.
  build: {
    pids: () => 1024,
    cpuShares: 256,
    terminals: defaultTerminals,
    tmpBytes: () => 0,
    log: { Type: 'none', Config: {} },
  },
};

/**
 * Makes the engine request for a container. No other function does, so every container gets the whole sandbox of
 * contracts/hardening.md §3. A spec cannot express a host path, device, capability, host namespace or published port.
 * Throws `invalid_params` for root, a relative mount point, and a volume name that is a path.
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
    // The process gets the end of its input when the attached client ends it.
    StdinOnce: interactive,
    AttachStdin: interactive,
    AttachStdout: true,
    AttachStderr: true,
    StopSignal: spec.stopSignal ?? 'SIGTERM',
    // An image may ask for a health check every millisecond, and each check is a process of the engine, not of the container.
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
 * The network that a container is made in. The engine accepts only one in this call. Throws `invalid_params` for a network
 * mode instead of an id, because `host` and `container:…` are namespaces of others.
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
    // The engine needs the text of the profile. A path fails, and only at the start.
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
    ...(spec.reservedMemoryBytes === undefined ? {} : { MemoryReservation: spec.reservedMemoryBytes }),
    // cgroup v2 does not have this option, and the engine warns about it.
    ...(engine.cgroupVersion === 1 ? { MemorySwappiness: 0 } : {}),
    // If the host runs out of memory, the kernel kills containers before the platform and the engine.
    OomScoreAdj: 500,
    Ulimits: [openFiles, { Name: 'core', Soft: 0, Hard: 0 }],
    Tmpfs: tmpfs(spec.tmpBytes || defaults.tmpBytes(spec.memoryBytes)),
    ShmSize: 64 * megabyte,
    ReadonlyRootfs: spec.readOnlyRoot ?? false,
    Binds: [],
    Mounts: [...(spec.volumes ?? []).map(volumeMount), terminals(spec.terminals ?? defaults.terminals)],
    NetworkMode: firstNetwork(spec)?.id ?? 'none',
    PublishAllPorts: false,
    PortBindings: {},
    IpcMode: 'private',
    PidMode: '',
    UTSMode: '',
    ...(atLeast(engine.apiVersion, '1.41') ? { CgroupnsMode: 'private' } : {}),
    // The supervisor replaces instances: it knows why one ended, and applies the restart policy.
    RestartPolicy: { Name: 'no' },
    LogConfig: defaults.log,
  } as Docker.HostConfig;
}

/** A container's limits in the engine's format, for its creation and for a change. */
function resources(
  { memoryBytes, cpus, cpuShares, pids }: ContainerLimits,
  engine: Pick<EngineAbilities, 'cpus'>,
): Docker.HostConfig {
  return {
    // Without MemorySwap the container could use as much swap in addition.
    ...(memoryBytes === undefined ? {} : { Memory: memoryBytes, MemorySwap: memoryBytes }),
    // The engine refuses more CPUs than the host has, and less than 0.01.
    ...(cpus === undefined ? {} : { NanoCpus: Math.round(Math.max(0.01, Math.min(cpus, engine.cpus)) * 1e9) }),
    ...(cpuShares === undefined ? {} : { CpuShares: cpuShares }),
    ...(pids === undefined ? {} : { PidsLimit: pids }),
  };
}

/** Refuses values that the engine takes for "no limit" or refuses itself. */
const leastLimits: Readonly<Record<keyof ContainerLimits, number>> = {
  memoryBytes: 6 * megabyte,
  cpus: Number.MIN_VALUE,
  cpuShares: 2,
  pids: 1,
};

/** The request that changes the limits of an existing container. Throws `invalid_params` for a value that would mean "no limit". */
export function limitsRequest(limits: ContainerLimits, engine: Pick<EngineAbilities, 'cpus'>): Docker.HostConfig {
  for (const [name, least] of Object.entries(leastLimits)) {
    const value = limits[name as keyof ContainerLimits];
    if (value === undefined || (Number.isFinite(value) && value >= least)) continue;
    throw new PlatformError('invalid_params', `A container cannot have ${value} as its limit of ${name}.`);
  }
  return resources(limits, engine);
}

/** The user, as a number. Throws `invalid_params` for root. `name` is the container or program, for the message. */
export function unprivileged(name: string, user: string): string {
  const match = /^(\d{1,10}):(\d{1,10})$/.exec(user);
  if (match === null || Number(match[1]) === 0) {
    throw new PlatformError('invalid_params', `${name} would run as "${user}": containers never run as root.`, {
      hint: 'Give a numeric uid:gid with a uid other than 0.',
    });
  }
  return user;
}

/** The environment in the engine's format. `owner` is the container or program, for the message. */
export function environmentOf(owner: string, env: ContainerSpec['env']): string[] {
  return Object.entries(env).map(([name, value]) => {
    if (name === '' || /[=\0]/.test(name) || value.includes('\0')) {
      throw new PlatformError('invalid_params', `${owner}: "${name}" cannot be an environment variable.`);
    }
    return `${name}=${value}`;
  });
}

type VolumeOfSpec = NonNullable<ContainerSpec['volumes']>[number];

/** A volume by name. Any other characters could make the name a path of the host. */
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
 * The container's own /dev/pts. All containers of a host share `kernel.pty.max` less `kernel.pty.reserve` terminals, and the
 * engine's API has no limit for them. An unnamed volume of the engine's own driver is mounted by the engine with any type
 * and options, and is removed with the container. One more terminal is for the container's own (`tty`).
 */
function terminals(most: number): Docker.MountSettings {
  const options = `nosuid,noexec,mode=0620,ptmxmode=0666,gid=5,max=${most + 1}`;
  return {
    Type: 'volume',
    Source: '',
    Target: '/dev/pts',
    ReadOnly: false,
    VolumeOptions: {
      NoCopy: true,
      Labels: {},
      DriverConfig: { Name: 'local', Options: { type: 'devpts', device: 'devpts', o: options } },
    },
  };
}

/**
 * `exec`, because the engine's default for a tmpfs is noexec. It would break programs that unpack a library into /tmp and
 * load it (JNA, Netty, many Python wheels). An app can write executables to its own disk anyway.
 */
function tmpfs(sizeBytes: number): Record<string, string> {
  if (sizeBytes <= 0) return {};
  return { '/tmp': `rw,exec,nosuid,nodev,size=${sizeBytes},mode=1777` };
}
