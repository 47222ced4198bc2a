import type { Actor } from '../domain/actor.ts';
import type { App } from '../domain/app.ts';
import { type Cloudlets, maxInstanceCloudlets } from '../domain/cloudlet.ts';
import { PlatformError } from '../domain/errors.ts';
import { eventOf } from '../domain/event.ts';
import { type FormationEntry, maxQuantity, oneShotTypes } from '../domain/formation.ts';
import { type Instance, processName } from '../domain/instance.ts';
import type { ScaleChange } from '../domain/operations.ts';
import type { Release } from '../domain/release.ts';
import { currentRelease, type DeployDependencies } from './releases.ts';
import { replace } from './roll-out.ts';

interface Context {
  readonly actor: Actor;
  readonly deps: DeployDependencies;
  readonly signal: AbortSignal;
}

/** Changes the formation, all or nothing. A new size replaces the type's instances, new before old. */
export async function scale(
  app: App,
  changes: readonly ScaleChange[],
  { actor, deps, signal }: Context,
): Promise<readonly FormationEntry[]> {
  return deps.turns.run(app.id, async () => {
    const { release, types } = await processesOf(app, deps);
    const before = await deps.store.formations.list(app.id);
    const wanted = changes.map((change) => changed(app, change, { before, types }));
    const after = [
      ...before.filter((entry) => !wanted.some(({ type }) => type === entry.type)),
      ...wanted.map((entry) => ({ ...entry, updatedAt: new Date(0) })),
    ];
    if (wanted.some((entry) => grows(entry, before))) await deps.provisioner.check(app.id, after, types);
    const entries = await deps.store.transaction(async (tables) => {
      const put: FormationEntry[] = [];
      for (const entry of wanted) put.push(await tables.formations.put(entry));
      const formation = put.map(({ type, quantity, size }) => `${type}@${quantity}:${size}c`).join(', ');
      await tables.events.append(eventOf('formation.changed', actor, { appId: app.id, data: { formation } }));
      return put;
    });
    const resized = entries.filter((entry) => before.some((old) => old.type === entry.type && old.size !== entry.size));
    if (resized.length > 0) await resize(app, release, resized, { actor, deps, signal });
    return entries;
  });
}

/** Replaces what runs: everything, a type, or one slot; new before old. Fills slots that a person had stopped, too. */
export async function restart(app: App, process: string | null, { deps, signal }: Context): Promise<void> {
  await deps.turns.run(app.id, async () => {
    const { release, types } = await processesOf(app, deps);
    const formation = (await deps.store.formations.list(app.id)).filter((entry) => types.has(entry.type));
    const slots = formation
      .flatMap(({ type, quantity, size }) =>
        Array.from({ length: quantity }, (_, index) => ({ type, slot: index + 1, size })),
      )
      .filter((slot) => matches(slot, process));
    if (process !== null && slots.length === 0) throw noSuchProcess(app, process);
    const old = (await activeOf(app, deps)).filter((instance) =>
      slots.some((slot) => slot.type === instance.type && slot.slot === instance.slot),
    );
    await replace(app, release, { slots, old, deps, signal });
  });
}

/** Asks instances to stop: one by its name, or all of a type. */
export async function stop(app: App, process: string, { deps }: Context): Promise<void> {
  const active = (await deps.store.instances.listActive(app.id)).filter(
    (instance) => instance.desired === 'up' && matches(instance, process),
  );
  if (active.length === 0) throw noSuchProcess(app, process);
  await deps.provisioner.retire(active, 'stopped_by_user');
}

async function resize(
  app: App,
  release: Release,
  entries: readonly FormationEntry[],
  { deps, signal }: Context,
): Promise<void> {
  const old = (await activeOf(app, deps)).filter((instance) =>
    entries.some(
      (entry) => entry.type === instance.type && entry.size !== instance.size && instance.slot <= entry.quantity,
    ),
  );
  const slots = old.map(({ type, slot }) => ({
    type,
    slot,
    size: entries.find((entry) => entry.type === type)?.size ?? 1,
  }));
  await replace(app, release, { slots, old, deps, signal });
}

async function activeOf(app: App, { store }: DeployDependencies): Promise<readonly Instance[]> {
  return (await store.instances.listActive(app.id)).filter(
    (instance) => instance.desired === 'up' && !oneShotTypes.has(instance.type),
  );
}

async function processesOf(
  app: App,
  deps: DeployDependencies,
): Promise<{ release: Release; types: ReadonlySet<string> }> {
  const release = await currentRelease(deps, app.id);
  const artifact = release?.artifactId ? await deps.store.artifacts.find(release.artifactId) : null;
  if (!release || !artifact) {
    throw new PlatformError('conflict', `${app.name} has nothing to run yet.`, {
      hint: 'Deploy first: git push paas main',
    });
  }
  return {
    release,
    types: new Set(artifact.processes.map(({ type }) => type).filter((type) => !oneShotTypes.has(type))),
  };
}

function changed(
  app: App,
  change: ScaleChange,
  { before, types }: { before: readonly FormationEntry[]; types: ReadonlySet<string> },
): Omit<FormationEntry, 'updatedAt'> {
  const entry = before.find(({ type }) => type === change.type);
  if (!types.has(change.type) || !entry) {
    throw new PlatformError('not_found', `${app.name} has no process type ${change.type}.`, {
      hint: `It has: ${[...types].join(', ') || 'none'}.`,
    });
  }
  const quantity = quantityOf(entry, change.quantity);
  if (!Number.isInteger(quantity) || quantity < 0 || quantity > maxQuantity) {
    throw new PlatformError(
      'invalid_params',
      `${change.type} cannot be scaled to ${quantity}: 0 to ${maxQuantity} is possible.`,
    );
  }
  const size: Cloudlets = change.size ?? entry.size;
  if (!Number.isInteger(size) || size < 1 || size > maxInstanceCloudlets) {
    throw new PlatformError(
      'invalid_params',
      `${size} cloudlets is no instance size: 1 to ${maxInstanceCloudlets} is possible.`,
    );
  }
  return { appId: app.id, type: change.type, quantity, size };
}

function quantityOf(entry: FormationEntry, quantity: ScaleChange['quantity']): number {
  if (!quantity) return entry.quantity;
  return 'set' in quantity ? quantity.set : Math.max(0, entry.quantity + quantity.add);
}

function grows(entry: Omit<FormationEntry, 'updatedAt'>, before: readonly FormationEntry[]): boolean {
  const old = before.find(({ type }) => type === entry.type);
  return entry.quantity * entry.size > (old ? old.quantity * old.size : 0);
}

function matches(instance: { readonly type: string; readonly slot: number }, process: string | null): boolean {
  return process === null || process === instance.type || process === processName(instance);
}

function noSuchProcess(app: App, process: string): PlatformError {
  return new PlatformError('not_found', `${app.name} runs no ${process}.`, {
    hint: `See what runs: paas ps -a ${app.name}`,
  });
}
