import { isUsedByOthers } from '../builder/stack-retention.ts';
import { removeCredential } from '../config/credentials.ts';
import { environment } from '../config/environment.ts';
import type { Settings } from '../config/settings.ts';
import type { Engine } from '../domain/engine.ts';
import { type Labels, labelNames } from '../domain/labels.ts';
import { removeHostFirewall } from '../host/firewall.ts';
import { apiUrl, gitOrigins } from './addresses.ts';
import { commandLink, removeCommandLink } from './steps/command-link.ts';
import type { Announcer } from './terminal.ts';

/**
 * Removes what the platform put on this host outside PAAS_HOME: its containers, networks, volumes and images, the
 * command and the token. PAAS_HOME and the engine stay; the last message names PAAS_HOME. May be called again after a
 * failure.
 */
export async function uninstall(
  engine: Engine,
  settings: Settings,
  {
    labels,
    login,
    announcer,
  }: {
    readonly labels: Labels | null;
    /** Whether to remove the login for this platform's address. False when another platform has the address by now. */
    readonly login: boolean;
    readonly announcer: Announcer;
  },
): Promise<void> {
  await removeFromEngine(engine, labels, announcer);
  if (login) removeCredential(environment(), { apiUrl: apiUrl(settings), gitOrigins: gitOrigins(settings) });
  if (removeCommandLink()) announcer.step(`Removed ${commandLink}`);
  announcer.print(
    `${settings.home} stays (apps' repositories, releases, keys). Remove it with: rm -rf ${settings.home}`,
  );
}

/** Removes everything with these labels, its firewall rules, and the stacks unless another platform uses the engine. */
export async function removeFromEngine(engine: Engine, labels: Labels | null, announcer: Announcer): Promise<void> {
  if (labels) {
    await removeContainers(engine, labels, announcer);
    await removeNetworks(engine, labels, announcer);
    await removeVolumes(engine, labels, announcer);
    await removeImages(engine, labels, announcer);
    await removeHostFirewall(labels[labelNames.platform] ?? '');
  }
  await removeStacks(engine, labels ?? {}, announcer);
}

async function removeContainers(engine: Engine, labels: Labels, announcer: Announcer): Promise<void> {
  const found = await engine.containers.list(labels);
  await Promise.all(found.map(({ id }) => engine.containers.remove(id)));
  announcer.step(`Removed containers: ${found.length}`);
}

async function removeNetworks(engine: Engine, labels: Labels, announcer: Announcer): Promise<void> {
  const found = await engine.networks.list(labels);
  for (const { id } of found) await engine.networks.remove(id);
  announcer.step(`Removed networks: ${found.length}`);
}

async function removeVolumes(engine: Engine, labels: Labels, announcer: Announcer): Promise<void> {
  const found = await engine.volumes.list(labels);
  for (const { name } of found) await engine.volumes.remove(name);
  announcer.step(`Removed volumes: ${found.length}`);
}

async function removeImages(engine: Engine, labels: Labels, announcer: Announcer): Promise<void> {
  const found = await engine.images.list(labels);
  for (const { id, tags } of found) for (const ref of tags.length > 0 ? tags : [id]) await engine.images.remove(ref);
  announcer.step(`Removed images: ${found.length}`);
}

/** All platforms on an engine share the stacks. The last one to be uninstalled removes them. */
async function removeStacks(engine: Engine, own: Labels, announcer: Announcer): Promise<void> {
  if (await isUsedByOthers(engine, own[labelNames.platform] ?? null)) {
    announcer.step('The stack images stay: another platform uses this engine');
    return;
  }
  await removeImages(engine, { [labelNames.role]: 'stack' }, announcer);
}
