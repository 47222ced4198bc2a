import { labelNames } from '../../src/domain/labels.ts';
import { createDockerEngine } from '../../src/engine/docker-engine.ts';
import { removeHostFirewall } from '../../src/host/firewall.ts';

/** Removes all that a platform, or a run of tests, made in an engine and on the host. The stacks are shared and stay. */
export async function removeAllOf(platformId: string, dockerHost: string): Promise<void> {
  const { containers, networks, volumes, images } = createDockerEngine({ dockerHost });
  const labels = { [labelNames.platform]: platformId };
  await removeHostFirewall(platformId);
  for (const { id } of await containers.list(labels)) await containers.remove(id);
  for (const { id } of await networks.list(labels)) await networks.remove(id);
  for (const { name } of await volumes.list(labels)) await volumes.remove(name);
  for (const { id, tags } of await images.list(labels)) for (const ref of [...tags, id]) await images.remove(ref);
}
