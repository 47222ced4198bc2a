import type { App } from '../domain/app.ts';
import type { AppNetwork } from '../domain/app-network.ts';
import type { Artifact } from '../domain/build.ts';
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

/** The port of web, unless its image exposes another one. Instances can share it: each has an address of its own. */
export const defaultWebPort = 5000;

export interface SpecFacts {
  readonly platformId: string;
  readonly app: App;
  readonly release: ReleaseWithConfig;
  readonly artifact: Artifact;
  readonly instance: Instance;
  /** The app's networks on the instance's host. */
  readonly networks: readonly AppNetwork[];
  readonly cloudlet: CloudletSize;
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

export function portOf(instance: Pick<Instance, 'type'>, artifact: Artifact): number | null {
  return instance.type === 'web' ? (artifact.exposedPort ?? defaultWebPort) : null;
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
    env: environmentOf(facts),
    // The kernel's limit (HOST_NAME_MAX) is 64, and a type's name may have 63.
    hostname: processName(instance).slice(-63),
    ...limitsOf(instance.size, facts.cloudlet),
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

/** Process types are started by name. The command of a one-off goes through a shell in the container. */
function startOf({ artifact, instance }: SpecFacts): Pick<ContainerSpec, 'entrypoint' | 'command'> {
  const argv = instance.command;
  if (argv) return { entrypoint: artifact.launcher ? [artifact.launcher, '--', ...argv] : [...argv], command: [] };
  const process = artifact.processes.find((candidate) => candidate.type === instance.type);
  if (!process) {
    throw new PlatformError('not_found', `This release has no process type ${instance.type}.`, {
      hint: 'See the process types: paas ps',
    });
  }
  if (artifact.launcher) return { entrypoint: [artifact.launcher, instance.type], command: [] };
  return process.args ? { entrypoint: [...process.args], command: [] } : {};
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
    // Every process gets SIGTERM, as on Heroku (contracts/heroku.md 3.3): the launcher does that for its process types, and
    // the engine's init does it elsewhere with this variable. Without it a shell in front keeps the signal to itself.
    ...own(artifact.launcher && !instance.command ? {} : { TINI_KILL_PROCESS_GROUP: '1' }),
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
