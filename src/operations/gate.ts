import { type FormationEntry, isOfFormation } from '../domain/formation.ts';
import { type Instance, releaseOf } from '../domain/instance.ts';
import type { Store, StoreTables } from '../domain/store.ts';
import { servingReleases } from '../domain/traffic.ts';
import { type Owner, placeAnyway, placeBeside, placeInstances } from '../provisioner/placing.ts';
import { slotsOf, withoutDelay } from '../provisioner/plan.ts';
import { unlessFull } from '../provisioner/turns.ts';

/**
 * Places the instances that must be up before the switch: the whole formation. Where it has no room beside the old one, the
 * first of each type, so that each has shown that it starts, and as many more of web as fit; the provisioner places the rest
 * after the switch, as the old ones leave. An app that runs is never refused for room. The first instances of an app are:
 * then it throws `no_capacity`.
 */
export function placeGate(
  owner: Owner,
  formation: readonly Pick<FormationEntry, 'type' | 'quantity' | 'size'>[],
  store: Store,
): Promise<readonly Instance[]> {
  const all = formation.flatMap(slotsOf).map(withoutDelay);
  return store.transaction(async (tables) => {
    if (!(await isRunning(owner.app.id, tables))) return placeInstances(tables, owner, all);
    const whole = await unlessFull(() => placeBeside(tables, owner, all));
    if (whole) return whole;
    const placed: Instance[] = [];
    for (const first of all.filter(({ slot }) => slot === 1)) {
      const fitting = await unlessFull(() => placeBeside(tables, owner, [first]));
      placed.push(...(fitting ?? (await placeAnyway(tables, owner, [first]))));
    }
    for (const web of all.filter(({ type, slot }) => type === 'web' && slot > 1)) {
      const fitting = await unlessFull(() => placeBeside(tables, owner, [web]));
      if (!fitting) break;
      placed.push(...fitting);
    }
    return placed;
  });
}

/** Whether an instance of a release with traffic is active. One that is leaving counts, because another will follow it. */
async function isRunning(appId: string, tables: StoreTables): Promise<boolean> {
  const serving = new Set(servingReleases(await tables.traffic.list(appId)));
  const active = await tables.instances.listActive(appId);
  return active.some((instance) => isOfFormation(instance) && serving.has(releaseOf(instance) ?? ''));
}
