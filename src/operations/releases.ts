import type { Actor } from '../domain/actor.ts';
import type { App } from '../domain/app.ts';
import type { Builder } from '../domain/builder.ts';
import { sameConfig } from '../domain/config-vars.ts';
import type { ContainerOnHost } from '../domain/containers.ts';
import { PlatformError } from '../domain/errors.ts';
import { eventOf } from '../domain/event.ts';
import type { AppLog } from '../domain/log-line.ts';
import { type Release, type ReleaseCause, rollbackRefusal } from '../domain/release.ts';
import type { StoreTables } from '../domain/store.ts';
import { currentOf } from '../domain/traffic.ts';
import { factsOf, type RollOutDeps } from './roll-out.ts';

/** The collaborators of the verbs that make and start releases. */
export interface DeployDeps extends RollOutDeps {
  readonly builder: Builder;
  readonly appLog: AppLog;
  /** Resolves when the output of a container that ended is in the app's log. */
  readonly outputKept: (container: ContainerOnHost) => Promise<void>;
  readonly urlOf: (app: App) => string;
}

/** The actor who asks for a verb, and the verb's collaborators. */
export interface ByActor<Deps = DeployDeps> {
  readonly actor: Actor;
  readonly deps: Deps;
}

/** Makes a release with the app's config. Reads the config in the same transaction, so that a change made during the build is in it. */
export async function makeRelease(
  tables: StoreTables,
  {
    app,
    artifactId,
    cause,
    description,
    actor,
  }: { app: App; artifactId: string | null; cause: ReleaseCause; description: string; actor: Actor },
): Promise<Release> {
  const release = await tables.releases.create({
    appId: app.id,
    artifactId,
    cause,
    description,
    accountId: actor.accountId,
    config: await tables.configVars.get(app.id),
  });
  await tables.events.append(eventOf('release.created', actor, { appId: app.id, data: factsOf(release) }));
  return release;
}

/**
 * The release that gets all the app's requests; null before the first. Throws `conflict` while they are split, and
 * `not_found` for an app that was destroyed meanwhile.
 */
export async function currentRelease(app: App, tables: Pick<StoreTables, 'apps' | 'releases' | 'traffic'>) {
  const now = await tables.apps.find(app.id);
  if (!now) {
    throw new PlatformError('not_found', `${app.name} was destroyed meanwhile.`, { hint: 'See your apps: paas apps' });
  }
  const shares = await tables.traffic.list(app.id);
  if (shares.length > 1) {
    throw new PlatformError('conflict', `The requests of ${app.name} are split between ${shares.length} releases.`, {
      hint: `See which: paas releases -a ${app.name}`,
    });
  }
  const id = currentOf(shares);
  return id ? await tables.releases.find(id) : null;
}

/**
 * The release to roll back to: a version, or the newest that was live before the current one. The current version is
 * accepted when config was set since and did not go live. Throws `not_found` or `invalid_params`.
 */
export async function rollbackTarget(
  app: App,
  version: number | null,
  tables: Pick<StoreTables, 'apps' | 'releases' | 'traffic' | 'configVars'>,
): Promise<Release> {
  const current = await currentRelease(app, tables);
  const releases = await tables.releases.list(app.id);
  const hint = `See: paas releases -a ${app.name}`;
  if (version === null) {
    const isEligible = (release: Release) => rollbackRefusal(release, releases) === null;
    const before = releases.find((release) => release.version < (current?.version ?? 0) && isEligible(release));
    if (before) return before;
    throw new PlatformError('invalid_params', `${app.name} has no earlier release to roll back to.`, { hint });
  }
  const target = releases.find((release) => release.version === version);
  if (!target) throw new PlatformError('not_found', `${app.name} has no release v${version}.`, { hint });
  if (target.id === current?.id && sameConfig(await tables.configVars.get(app.id), current.config))
    throw new PlatformError('invalid_params', `v${version} is the current release.`);
  const refusal = rollbackRefusal(target, releases);
  if (refusal) throw new PlatformError('invalid_params', `Cannot roll back to v${version}: ${refusal}.`, { hint });
  return target;
}
