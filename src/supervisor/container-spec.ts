import type { App } from '../domain/app.ts';
import type { AppNetwork } from '../domain/app-network.ts';
import { type Artifact, defaultWebPort } from '../domain/build.ts';
import type { CloudletSize } from '../domain/cloudlet.ts';
import type { ContainerSpec } from '../domain/containers.ts';
import { PlatformError } from '../domain/errors.ts';
import { type Instance, processName } from '../domain/instance.ts';
import type { InstanceSize } from '../domain/instance-size.ts';
import { labelNames } from '../domain/labels.ts';
import type { OneOff } from '../domain/one-off.ts';
import type { RunRequest } from '../domain/operations.ts';
import type { PlatformVar } from '../domain/platform-vars.ts';
import type { ReleaseWithConfig } from '../domain/release.ts';
import { signalNumber } from '../domain/stop-signal.ts';
import { stopSignalOf } from './stop-signal-of.ts';

export interface SpecFacts {
  readonly platformId: string;
  readonly app: App;
  readonly release: ReleaseWithConfig;
  readonly artifact: Artifact;
  readonly instance: Instance;
  /** The app's networks on the instance's host. */
  readonly networks: readonly AppNetwork[];
  readonly cloudlet: CloudletSize;
  readonly stopGraceMs: number;
  /** Ptys that the instance may open. */
  readonly terminals: number;
  /** The one-off's row; null for an instance of the formation. */
  readonly run: OneOff | null;
}

/** The limits of an instance's container. Pure. */
export function limitsOf(
  { reserved, limit }: InstanceSize,
  cloudlet: CloudletSize,
): Pick<ContainerSpec, 'memoryBytes' | 'reservedMemoryBytes' | 'cpus' | 'cpuShares'> {
  return {
    memoryBytes: limit * cloudlet.memoryBytes,
    reservedMemoryBytes: reserved * cloudlet.memoryBytes,
    // Up to two idle CPUs, if the host has them, and more for a limit above the default's.
    cpus: Math.max(2, limit / 2),
    // Under contention each gets by what it reserved; the default size has the weight of a build.
    cpuShares: Math.max(64, Math.min(8192, reserved * 256)),
  };
}

/** The value of PORT; null for a type without one. */
function portOf(instance: Pick<Instance, 'type'>, artifact: Artifact): number | null {
  return portsOf(instance, artifact)[0] ?? null;
}

/** More ports than these are not looked at. */
const mostPorts = 20;

/**
 * The ports on which an instance may serve, the preferred one first: PORT, then what its image exposes, the lowest first. A
 * single exposed port is PORT. Empty for a type other than web.
 */
export function portsOf(
  { type }: Pick<Instance, 'type'>,
  { exposedPorts }: Pick<Artifact, 'exposedPorts'>,
): readonly number[] {
  if (type !== 'web') return [];
  const [first = defaultWebPort, ...more] = exposedPorts;
  if (more.length === 0) return [first];
  return [defaultWebPort, ...exposedPorts.filter((port) => port !== defaultWebPort)].slice(0, mostPorts);
}

/** The spec of an instance's container. Pure. Throws `not_found` for a process type that the release lacks, `unavailable` without a network. */
export function containerSpec(facts: SpecFacts): ContainerSpec {
  const { app, instance, artifact, release, platformId, run } = facts;
  const network = facts.networks.find(({ kind }) => kind === 'bridge');
  if (!network) throw new PlatformError('unavailable', "The app's network is not made yet.");
  return {
    name: `paas-${app.name}-${processName(instance)}-${instance.id.slice(-8)}`,
    image: artifact.imageId,
    sandbox: 'app',
    labels: {
      ...instanceLabels(instance, platformId),
      [labelNames.release]: `v${release.version}`,
      ...(run?.attach ? { [labelNames.terminal]: 'yes' } : {}),
    },
    user: artifact.user,
    ...startOf(facts),
    stopSignal: stopSignalOf(instance, artifact),
    env: environmentOf(facts),
    // The kernel's limit (HOST_NAME_MAX) is 64, and a type's name may have 63.
    hostname: processName(instance).slice(-63),
    ...limitsOf(instance.size, facts.cloudlet),
    terminals: facts.terminals,
    networks: [{ id: network.networkId, aliases: [], when: 'start' }],
    openStdin: run?.attach ?? false,
    tty: run?.tty ?? false,
  };
}

/** The labels by which an instance's container is found, for every kind of workload. */
export function instanceLabels(instance: Instance, platformId: string): Readonly<Record<string, string>> {
  return {
    [labelNames.platform]: platformId,
    [labelNames.app]: instance.appId,
    [labelNames.role]: 'instance',
    [labelNames.instance]: instance.id,
    [labelNames.workload]: instance.workload.kind,
    [labelNames.process]: processName(instance),
  };
}

/** The engine kills what runs on after the grace time. Only then may the init end with its program. */
const afterGraceS = 5;

/** What the container starts. The init is in front: it hands the stop signal to every process, and waits for them. */
function startOf(facts: SpecFacts): Pick<ContainerSpec, 'entrypoint' | 'command'> {
  const { artifact, instance, stopGraceMs } = facts;
  const argv = argvOf(facts);
  if (argv === null) return {};
  const signal = signalNumber(stopSignalOf(instance, artifact));
  const stop = `${signal}:${Math.ceil(stopGraceMs / 1000) + afterGraceS}`;
  return { entrypoint: artifact.init === null ? argv : [artifact.init, stop, ...argv], command: [] };
}

/** Process types are started by name. The command of a one-off goes through a shell in the container. Null: the image's own command. */
function argvOf({ artifact, instance }: SpecFacts): readonly string[] | null {
  const argv = instance.command;
  if (argv) return artifact.launcher ? [artifact.launcher, '--', ...argv] : argv;
  const process = artifact.processes.find((candidate) => candidate.type === instance.type);
  if (!process) {
    throw new PlatformError('not_found', `This release has no process type ${instance.type}.`, {
      hint: 'See the process types: paas ps',
    });
  }
  return artifact.launcher ? [artifact.launcher, instance.type] : process.args;
}

/** An image of the user's own may have no bash; every image that can run a command line has sh. */
export function oneOffArgv({ command }: Pick<RunRequest, 'command'>, artifact: Artifact): readonly string[] {
  return [artifact.launcher ? 'bash' : 'sh', '-c', command];
}

function environmentOf({ app, release, artifact, instance, run }: SpecFacts): Readonly<Record<string, string>> {
  const port = portOf(instance, artifact);
  return {
    ...release.config,
    ...run?.env,
    ...own(artifact.launcher ? { HOME: '/app' } : {}),
    ...own(port === null ? {} : { PORT: String(port) }),
    ...own({ DYNO: processName(instance), PAAS_APP: app.name, PAAS_RELEASE: `v${release.version}` }),
    // Without an init of ours, the engine's init hands the signal to the first process group only.
    ...own(artifact.init === null ? { TINI_KILL_PROCESS_GROUP: '1' } : {}),
    ...own(
      run?.tty
        ? { TERM: run.env.TERM ?? 'xterm-256color', COLUMNS: String(run.columns ?? 80), LINES: String(run.rows ?? 24) }
        : {},
    ),
  };
}

/** A name that a user is not warned of (`configVarWarning`) does not compile here. */
function own(vars: Readonly<Partial<Record<PlatformVar, string>>>): Readonly<Record<string, string>> {
  return vars;
}
