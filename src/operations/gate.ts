import { type FormationEntry, isOfFormation } from '../domain/formation.ts';
import type { Instance } from '../domain/instance.ts';
import type { Store } from '../domain/store.ts';
import { type Owner, placeAnyway, placeBeside, placeInstances } from '../provisioner/placing.ts';
import { isWanted, slotsOf, withoutDelay } from '../provisioner/plan.ts';
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
    const active = await tables.instances.listActive(owner.app.id);
    const runs = active.some((instance) => isWanted(instance) && isOfFormation(instance));
    if (!runs) return placeInstances(tables, owner, all);
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
