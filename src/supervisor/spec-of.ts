import type { ContainerSpec } from '../domain/containers.ts';
import { assertNever, PlatformError } from '../domain/errors.ts';
import { type Instance, processName } from '../domain/instance.ts';
import type { OneOff } from '../domain/one-off.ts';
import { containerSpec, portsOf } from './container-spec.ts';
import type { LifeDeps } from './life-deps.ts';

export interface InstanceSpec {
  readonly container: ContainerSpec;
  /** The port on which it must answer; null when none is known. */
  readonly port: number | null;
}

/** The spec of an instance's container, by the kind of its workload. Throws `start_failed` for a kind that cannot be started yet. */
export async function specOf(
  instance: Instance,
  run: OneOff | null,
  deps: Pick<LifeDeps, 'store' | 'platformId' | 'settings'>,
): Promise<InstanceSpec> {
  const { workload } = instance;
  switch (workload.kind) {
    case 'release':
      return specOfRelease(instance, { releaseId: workload.releaseId, run, deps });
    case 'service':
      throw new PlatformError(
        'start_failed',
        `${processName(instance)} belongs to a service, and only releases can be started.`,
      );
    default:
      return assertNever(workload, 'workload');
  }
}

async function specOfRelease(
  instance: Instance,
  {
    releaseId,
    run,
    deps: { store, platformId, settings },
  }: {
    readonly releaseId: string;
    readonly run: OneOff | null;
    readonly deps: Parameters<typeof specOf>[2];
  },
): Promise<InstanceSpec> {
  const app = await store.apps.get(instance.appId);
  const release = await store.releases.find(releaseId);
  const artifact = release?.artifactId ? await store.artifacts.find(release.artifactId) : null;
  if (!release || !artifact)
    throw new PlatformError('internal', `Instance ${instance.id} has a release without an artifact.`);
  const cloudlet = { memoryBytes: settings.cloudletMemoryBytes, cpuMhz: settings.cloudletCpuMhz };
  const networks = await store.appNetworks.list({ appId: app.id, hostId: instance.hostId });
  const { stopGraceMs, appTerminals: terminals } = settings;
  const facts = { platformId, app, release, artifact, instance, run, cloudlet, stopGraceMs, terminals, networks };
  return { container: containerSpec(facts), port: portsOf(instance, artifact)[0] ?? null };
}
