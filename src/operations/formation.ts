import { reservedFor } from '../cluster/capacity.ts';
import { type Actor, platformActor } from '../domain/actor.ts';
import type { App } from '../domain/app.ts';
import { errorCode, PlatformError } from '../domain/errors.ts';
import { eventOf } from '../domain/event.ts';
import { type FormationEntry, formationTypes, isOfFormation, maxQuantity } from '../domain/formation.ts';
import { type Instance, processName, releaseOf } from '../domain/instance.ts';
import { checkSize, isSameSize, sizeText } from '../domain/instance-size.ts';
import type { ScaleChange } from '../domain/operations.ts';
import type { Release } from '../domain/release.ts';
import type { StoreTables } from '../domain/store.ts';
import { checkRoom, placeBeside, placeInstances, retire } from '../provisioner/placing.ts';
import { isIn, isWanted, type Slot, slotsOf, withoutDelay } from '../provisioner/plan.ts';
import { placeTurn, unlessFull } from '../provisioner/turns.ts';
import { type ByActor, currentRelease, type DeployDeps } from './releases.ts';
import { type Replacement, replace } from './replace.ts';

/**
 * Changes the formation, all or nothing: one transaction writes the rows and places the missing instances. A new size
 * replaces the instances of the type, new before old; when the new ones do not start, the formation is put back.
 */
export function scale(
  app: App,
  changes: readonly ScaleChange[],
  { actor, deps }: ByActor,
): Promise<readonly FormationEntry[]> {
  return deps.work.hold(
    app.id,
    async ({ signal }) => {
      const scaled = await deps.store.transaction((tables) => changeFormation(app, changes, { actor, tables }));
      if (scaled.replaced.length === 0) return scaled.entries;
      try {
        await replace(scaled, deps, signal);
      } catch (error) {
        await deps.store.transaction((tables) => putBack(app, scaled, { actor, tables }));
        throw error;
      }
      return scaled.entries;
    },
    { purpose: 'a change of scale' },
  );
}

/** `replaced` are the instances of another size than the formation's now. */
interface Scaled extends Replacement {
  readonly before: readonly FormationEntry[];
  readonly entries: readonly FormationEntry[];
  /** Instances in slots that were empty. */
  readonly added: readonly Instance[];
}

interface ChangeDeps {
  readonly actor: Actor;
  readonly tables: StoreTables;
}

async function changeFormation(
  app: App,
  changes: readonly ScaleChange[],
  { actor, tables }: ChangeDeps,
): Promise<Scaled> {
  const { release, types } = await processesOf(app, tables);
  const before = await tables.formations.list(app.id);
  const asked = changes.map((change) => changed(app, change, { before, types }));
  const twice = asked.find((entry, index) => asked.findIndex(({ type }) => type === entry.type) !== index);
  if (twice) throw new PlatformError('invalid_params', `${twice.type} is given twice.`);
  const entries: FormationEntry[] = [];
  for (const entry of asked) entries.push(await tables.formations.put(entry));
  await appendScaled(app, entries, { actor, tables });

  const active = await activeOf(app, tables);
  const slots = entries.flatMap(slotsOf);
  const lacking = slots.filter((slot) => !active.some((instance) => isIn(slot, instance)));
  const { replaced, refilled } = otherwiseSized(slots, active);
  const leaving = active.filter((one) => replaced.includes(one) || isSurplus(one, entries));
  const needed = [...refilled, ...lacking];
  if (reservedFor(needed) > reservedFor(leaving)) await checkRoom(tables, app, { needed, leaving });
  const owner = { app, release };
  const wanted = refilled.map(withoutDelay);
  const started = await placeTurn(tables, owner, wanted);
  // Without room until others of the app have left, the provisioner places them then.
  const added = await unlessFull(() => placeBeside(tables, owner, lacking.map(withoutDelay)));
  return { release, before, entries, replaced, wanted, started, added: added ?? [] };
}

/** Whether the instance is in no slot of its type any more. */
function isSurplus({ type, slot }: Instance, entries: readonly FormationEntry[]): boolean {
  return entries.some((entry) => entry.type === type && slot > entry.quantity);
}

async function putBack(app: App, { before, entries, added }: Scaled, { actor, tables }: ChangeDeps): Promise<void> {
  if (!(await tables.apps.find(app.id))) return;
  const old = before.filter(({ type }) => entries.some((entry) => entry.type === type));
  for (const { appId, type, quantity, size } of old) await tables.formations.put({ appId, type, quantity, size });
  await appendScaled(app, old, { actor, tables });
  // Those that replaced others in earlier turns serve; `finishResizing` gives them their old size.
  await retire(tables, added, 'deploy_failed');
}

/**
 * Finishes a change of size that a crash or a full disk interrupted: replaces the instances of another size than the
 * formation's. When the new ones do not start, the formation gets the size that runs. Throws `no_capacity` while no host takes
 * instances.
 */
export function finishResizing(app: App, deps: DeployDeps): Promise<void> {
  return deps.work.hold(
    app.id,
    async ({ signal }) => {
      const replacement = await deps.store.transaction(async (tables) => {
        const { release, types } = await processesOf(app, tables);
        const formation = (await tables.formations.list(app.id)).filter(({ type }) => types.has(type));
        const { replaced, refilled } = otherwiseSized(formation.flatMap(slotsOf), await activeOf(app, tables));
        const wanted = refilled.map(withoutDelay);
        const started = await placeTurn(tables, { app, release }, wanted);
        return { release, replaced, wanted, started };
      });
      try {
        await replace(replacement, deps, signal);
      } catch (error) {
        if (errorCode(error) === 'start_failed')
          await deps.store.transaction((tables) => keepSizes(app, replacement.replaced, tables));
        throw error;
      }
    },
    { purpose: 'a change of size' },
  );
}

/** Gives the formation the sizes of these instances. */
async function keepSizes(app: App, running: readonly Instance[], tables: StoreTables): Promise<void> {
  if (!(await tables.apps.find(app.id))) return;
  const entries: FormationEntry[] = [];
  for (const { appId, type, quantity } of await tables.formations.list(app.id)) {
    const size = running.find((instance) => instance.type === type)?.size;
    if (size !== undefined) entries.push(await tables.formations.put({ appId, type, quantity, size }));
  }
  await appendScaled(app, entries, { actor: platformActor, tables });
}

/** The instances of another size than their slot's, and these slots. */
function otherwiseSized(
  slots: readonly Slot[],
  active: readonly Instance[],
): { readonly replaced: readonly Instance[]; readonly refilled: readonly Slot[] } {
  const replaced = active.filter((instance) =>
    slots.some((slot) => isIn(slot, instance) && !isSameSize(slot.size, instance.size)),
  );
  return { replaced, refilled: slots.filter((slot) => replaced.some((instance) => isIn(slot, instance))) };
}

async function appendScaled(
  app: App,
  entries: readonly FormationEntry[],
  { actor, tables }: ChangeDeps,
): Promise<void> {
  const formation = entries.map(({ type, quantity, size }) => `${type}@${quantity}:${sizeText(size)}`).join(', ');
  await tables.events.append(eventOf('formation.changed', actor, { appId: app.id, data: { formation } }));
}

/**
 * Replaces all instances, those of a type or one (`web.1`), new before old. Also fills slots that a person stopped. Throws
 * `no_capacity` only when none of them runs.
 */
export function restart(app: App, process: string | null, { actor, deps }: ByActor): Promise<void> {
  return deps.work.hold(
    app.id,
    async ({ signal }) => {
      const replacement = await deps.store.transaction(async (tables) => {
        const { release, types } = await processesOf(app, tables);
        const formation = (await tables.formations.list(app.id)).filter(({ type }) => types.has(type));
        const slots = formation.flatMap(slotsOf).filter((slot) => matches(slot, process));
        if (process !== null && slots.length === 0) throw noSuchProcess(app, process);
        const occupied = (await tables.instances.listActive(app.id)).filter(
          (instance) => isOfFormation(instance) && slots.some((slot) => isIn(slot, instance)),
        );
        const replaced = occupied.filter(isWanted);
        const wanted = slots.map(withoutDelay);
        const placing = occupied.length > 0 ? placeTurn : placeInstances;
        const started = await placing(tables, { app, release }, wanted);
        await appendTarget(app, process, { kind: 'formation.restarted', actor, tables });
        return { release, replaced, wanted, started };
      });
      await replace(replacement, deps, signal);
    },
    { purpose: 'a restart' },
  );
}

/** Asks one instance (`web.1`) or all of a type to stop. Needs no lease, so that a roll-out under way does not delay it. */
export function stop(app: App, process: string, { actor, deps: { store } }: ByActor): Promise<void> {
  return store.transaction(async (tables) => {
    const stopping = (await tables.instances.listActive(app.id)).filter(
      (instance) => isWanted(instance) && releaseOf(instance) !== null && matches(instance, process),
    );
    if (stopping.length === 0) throw noSuchProcess(app, process);
    await retire(tables, stopping, 'stopped_by_user');
    await appendTarget(app, process, { kind: 'formation.stopped', actor, tables });
  });
}

async function appendTarget(
  app: App,
  process: string | null,
  { kind, actor, tables }: ChangeDeps & { readonly kind: 'formation.restarted' | 'formation.stopped' },
): Promise<void> {
  await tables.events.append(eventOf(kind, actor, { appId: app.id, data: { target: process } }));
}

async function activeOf(app: App, tables: StoreTables): Promise<readonly Instance[]> {
  return (await tables.instances.listActive(app.id)).filter(
    (instance) => isWanted(instance) && isOfFormation(instance),
  );
}

async function processesOf(
  app: App,
  tables: StoreTables,
): Promise<{ readonly release: Release; readonly types: ReadonlySet<string> }> {
  const release = await currentRelease(app, tables);
  const artifact = release?.artifactId ? await tables.artifacts.find(release.artifactId) : null;
  if (!release || !artifact) {
    throw new PlatformError('conflict', `${app.name} has nothing to run yet.`, {
      hint: 'Deploy first: git push paas main',
    });
  }
  return { release, types: new Set(formationTypes(artifact)) };
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
  const size = change.size ?? entry.size;
  checkSize(size);
  return { appId: app.id, type: change.type, quantity, size };
}

function quantityOf(entry: FormationEntry, quantity: ScaleChange['quantity']): number {
  if (!quantity) return entry.quantity;
  return 'set' in quantity ? quantity.set : Math.max(0, entry.quantity + quantity.add);
}

function matches(instance: Pick<Slot, 'type' | 'slot'>, process: string | null): boolean {
  return process === null || process === instance.type || process === processName(instance);
}

function noSuchProcess(app: App, process: string): PlatformError {
  return new PlatformError('not_found', `${app.name} runs no ${process}.`, {
    hint: `See what runs: paas ps -a ${app.name}`,
  });
}
