import type { App } from '../domain/app.ts';
import { sameConfig } from '../domain/config-vars.ts';
import { PlatformError } from '../domain/errors.ts';
import { eventOf } from '../domain/event.ts';
import type { Lease } from '../domain/leases.ts';
import type { Release } from '../domain/release.ts';
import { type ByActor, currentRelease, type DeployDeps, makeRelease, rollbackTarget } from './releases.ts';
import { rollOut } from './roll-out.ts';

type Changes = Readonly<Record<string, string | null>>;

/**
 * Changes config vars and makes a release of the current artifact with them. Resolves when the release exists; the roll-out
 * goes on. Makes no release when every variable has its value already and the current release serves it.
 */
export function changeConfig(app: App, changes: Changes, { actor, deps }: ByActor): Promise<Release> {
  return released(app, { deps, purpose: 'a change of config' }, (lease) =>
    deps.store.transaction(async (tables) => {
      await lease.check();
      const current = await currentRelease(app, tables);
      const before = await tables.configVars.get(app.id);
      const effective = Object.entries(changes).filter(([name, value]) => (before[name] ?? null) !== value);
      // A release that failed leaves its values set, and nothing serves them. Setting them again tries again.
      if (effective.length === 0 && current && sameConfig(before, current.config)) return { done: current };
      await tables.configVars.change(app.id, Object.fromEntries(effective));
      const names = effective.length > 0 ? effective : Object.entries(changes);
      const set = names.filter(([, value]) => value !== null).map(([name]) => name);
      const unset = names.filter(([, value]) => value === null).map(([name]) => name);
      const data = { set: set.join(', ') || null, unset: unset.join(', ') || null };
      await tables.events.append(eventOf('config.changed', actor, { appId: app.id, data }));
      const artifactId = current?.artifactId ?? null;
      const description = describe(set, unset);
      return { rollOut: await makeRelease(tables, { app, artifactId, cause: 'config', description, actor }) };
    }),
  );
}

/** Makes a new release with the code and the config of an earlier one. Resolves when it exists; the roll-out goes on. */
export function rollback(app: App, version: number | null, { actor, deps }: ByActor): Promise<Release> {
  return released(app, { deps, purpose: 'a rollback' }, (lease) =>
    deps.store.transaction(async (tables) => {
      await lease.check();
      const { id } = await rollbackTarget(app, version, tables);
      const target = await tables.releases.find(id);
      if (!target) throw new PlatformError('internal', `Release ${id} was listed and cannot be found.`);
      await tables.configVars.replace(app.id, target.config);
      const { artifactId } = target;
      const description = `Rollback to v${target.version}`;
      return { rollOut: await makeRelease(tables, { app, artifactId, cause: 'rollback', description, actor }) };
    }),
  );
}

function describe(set: readonly string[], unset: readonly string[]): string {
  const parts = [
    set.length > 0 ? `Set ${set.join(', ')} config vars` : '',
    unset.length > 0 ? `Unset ${unset.join(', ')} config vars` : '',
  ];
  return parts.filter(Boolean).join('; ') || 'Config vars';
}

/** A release that serves already, or a new one to roll out. */
type Made = { readonly done: Release } | { readonly rollOut: Release };

/** Holds the app's lease until the roll-out has ended. Resolves as soon as the release exists. */
function released(
  app: App,
  { deps, purpose }: { readonly deps: DeployDeps; readonly purpose: string },
  make: (lease: Lease) => Promise<Made>,
): Promise<Release> {
  const { promise, resolve, reject } = Promise.withResolvers<Release>();
  const work = async (lease: Lease) => {
    const made = await make(lease);
    if ('done' in made) return resolve(made.done);
    resolve(made.rollOut);
    await rollOut(made.rollOut, deps, lease.signal);
  };
  deps.work.hold(app.id, work, { purpose }).catch((error: unknown) => {
    // Has no effect once the release exists: its failure is an event in the app's log.
    reject(error);
    deps.logger.info('a change of config did not go live', { error, app: app.name });
  });
  return promise;
}
