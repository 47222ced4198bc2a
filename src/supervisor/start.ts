import { labelNames } from '../domain/engine.ts';
import { PlatformError } from '../domain/errors.ts';
import { oneShotTypes } from '../domain/formation.ts';
import type { Instance } from '../domain/instance.ts';
import { containerSpec, portOf } from './container-spec.ts';
import type { LifeDependencies } from './life.ts';

/** What is known of an instance once its container runs. */
export interface StartedInstance {
  readonly containerId: string;
  readonly address: string | null;
  readonly port: number | null;
}

/**
 * Makes and starts the container of an instance; the same container again when it was made before a crash of ours.
 * Throws `unavailable` (try again), anything else: it cannot be started as it is.
 */
export async function startInstance(
  instance: Instance,
  deps: LifeDependencies,
  signal: AbortSignal,
): Promise<StartedInstance> {
  const { engine, store, oneOffs, platformId, settings, hostCpus } = deps;
  const run = oneOffs.request(instance);
  if (oneShotTypes.has(instance.type) && !run) {
    throw new PlatformError('start_failed', 'The platform was restarted before this one-off began.', {
      hint: 'Run it again.',
    });
  }
  const app = await store.apps.get(instance.appId);
  const release = await store.releases.find(instance.releaseId);
  const artifact = release?.artifactId ? await store.artifacts.find(release.artifactId) : null;
  if (!release || !artifact)
    throw new PlatformError('internal', `Instance ${instance.id} has a release without an artifact.`);
  await oneOffs.clientArrived(instance, signal);
  const containerId = await engine.containers.create(
    containerSpec({
      platformId,
      app,
      release,
      artifact,
      instance,
      run,
      hostCpus,
      cloudlet: { memoryBytes: settings.cloudletMemoryBytes, cpuMhz: settings.cloudletCpuMhz },
    }),
  );
  // Written before the start: whoever dies now finds the container again by the row.
  await store.instances.observe(instance.id, { containerId });
  if (run?.attach) {
    const streams = await engine.containers.attach(containerId, signal);
    await engine.containers.start(containerId);
    oneOffs.started(instance, containerId, streams);
    if (run.tty && run.columns && run.rows) {
      await engine.containers.resize(containerId, { columns: run.columns, rows: run.rows }).catch(() => undefined);
    }
  } else {
    await engine.containers.start(containerId);
  }
  const state = await engine.containers.inspect(containerId);
  return { containerId, address: state?.address ?? null, port: portOf(instance, artifact) };
}

/** The labels by which the supervisor finds its instances' containers. */
export function instanceLabels(platformId: string): Readonly<Record<string, string>> {
  return { [labelNames.platform]: platformId, [labelNames.role]: 'instance' };
}
