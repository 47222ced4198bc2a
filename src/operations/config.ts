import type { Actor } from '../domain/actor.ts';
import type { App } from '../domain/app.ts';
import { PlatformError } from '../domain/errors.ts';
import { eventOf } from '../domain/event.ts';
import type { Release } from '../domain/release.ts';
import { currentRelease, type DeployDependencies, makeRelease, rollbackTarget } from './releases.ts';
import { rollOut } from './roll-out.ts';

/** A change of config is a release of the artifact that serves. Resolves when the release exists; the roll-out goes on. */
export async function changeConfig(
  app: App,
  changes: Readonly<Record<string, string | null>>,
  { actor, deps, signal }: { actor: Actor; deps: DeployDependencies; signal: AbortSignal },
): Promise<Release> {
  return released(app, { deps, signal }, async () => {
    const current = await currentRelease(deps, app.id);
    return deps.store.transaction(async (tables) => {
      const before = await tables.configVars.get(app.id);
      const effective = Object.entries(changes).filter(([name, value]) => (before[name] ?? null) !== value);
      if (effective.length === 0 && current) return { release: current, changed: false };
      await tables.configVars.change(app.id, Object.fromEntries(effective));
      const set = effective.filter(([, value]) => value !== null).map(([name]) => name);
      const unset = effective.filter(([, value]) => value === null).map(([name]) => name);
      const data = {
        ...(set.length > 0 ? { set: set.join(', ') } : {}),
        ...(unset.length > 0 ? { unset: unset.join(', ') } : {}),
      };
      await tables.events.append(eventOf('config.changed', actor, { appId: app.id, data }));
      const release = await makeRelease(tables, {
        app,
        artifactId: current?.artifactId ?? null,
        cause: 'config',
        description: describe(set, unset),
        actor,
      });
      return { release, changed: true };
    });
  });
}

/** Code and config as they were at a release, as a new release. */
export async function rollback(
  app: App,
  version: number | null,
  { actor, deps, signal }: { actor: Actor; deps: DeployDependencies; signal: AbortSignal },
): Promise<Release> {
  return released(app, { deps, signal }, async () => {
    const target = await rollbackTarget(app, version, deps);
    const full = await deps.store.releases.find(target.id);
    if (!full) throw new PlatformError('not_found', `${app.name} has no release v${target.version}.`);
    const release = await deps.store.transaction(async (tables) => {
      await tables.configVars.replace(app.id, full.config);
      return makeRelease(tables, {
        app,
        artifactId: full.artifactId,
        cause: 'rollback',
        description: `Rollback to v${full.version}`,
        actor,
      });
    });
    return { release, changed: true };
  });
}

function describe(set: readonly string[], unset: readonly string[]): string {
  const parts = [
    set.length > 0 ? `Set ${set.join(', ')} config vars` : '',
    unset.length > 0 ? `Unset ${unset.join(', ')} config vars` : '',
  ];
  return parts.filter(Boolean).join('; ') || 'Config vars';
}

/** Holds the app's turn until the roll-out has ended, and answers as soon as the release is made. */
async function released(
  app: App,
  { deps, signal }: { deps: DeployDependencies; signal: AbortSignal },
  make: () => Promise<{ readonly release: Release; readonly changed: boolean }>,
): Promise<Release> {
  const { promise, resolve, reject } = Promise.withResolvers<Release>();
  const turn = deps.turns.run(app.id, async () => {
    const made = await make().catch((error: unknown) => {
      reject(error);
      return null;
    });
    if (!made) return;
    resolve(made.release);
    if (made.changed) await rollOut(app, made.release, deps, signal);
  });
  turn.catch((error: unknown) => {
    reject(error);
    deps.logger.warn('a roll-out failed; the release before it goes on', { error, app: app.name });
  });
  return promise;
}
