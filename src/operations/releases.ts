import type { Actor } from '../domain/actor.ts';
import type { App } from '../domain/app.ts';
import type { Builder } from '../domain/builder.ts';
import type { ConfigVars } from '../domain/config-vars.ts';
import { PlatformError } from '../domain/errors.ts';
import { eventOf } from '../domain/event.ts';
import type { AppLog } from '../domain/log-line.ts';
import type { Release, ReleaseCause } from '../domain/release.ts';
import type { StoreTables } from '../domain/store.ts';
import type { Turns } from '../domain/turns.ts';
import { factsOf, type RollOutDependencies } from './roll-out.ts';

/** What the verbs that change a release are made of. */
export interface DeployDependencies extends RollOutDependencies {
  readonly builder: Builder;
  readonly appLog: AppLog;
  /** One change of an app's release at a time; shared with every other verb that makes or replaces instances. */
  readonly turns: Turns;
  /** Resolves when the instance's last words are in the app's log. */
  readonly wordsKept: (containerId: string) => Promise<void>;
  readonly urlOf: (app: App) => string;
}

/** A release of the app's config as it stands in this transaction. Config is read here, so that no change is lost between build and release. */
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
  const config: ConfigVars = await tables.configVars.get(app.id);
  const release = await tables.releases.create({
    appId: app.id,
    artifactId,
    cause,
    description,
    accountId: actor.accountId,
    config,
  });
  await tables.events.append(eventOf('release.created', actor, { appId: app.id, data: factsOf(release) }));
  return release;
}

export async function currentRelease(
  { store }: Pick<DeployDependencies, 'store'>,
  appId: string,
): Promise<Release | null> {
  const app = await store.apps.find(appId);
  return app?.currentReleaseId ? await store.releases.find(app.currentReleaseId) : null;
}

/** The release to go back to: a version, or the newest success before the current one. */
export async function rollbackTarget(
  app: App,
  version: number | null,
  { store }: Pick<DeployDependencies, 'store'>,
): Promise<Release> {
  const current = await currentRelease({ store }, app.id);
  const releases = await store.releases.list(app.id);
  const eligible = (release: Release) =>
    release.artifactId !== null && release.status === 'succeeded' && release.id !== current?.id;
  if (version === null) {
    const before = releases.find((release) => eligible(release) && release.version < (current?.version ?? 0));
    if (before) return before;
    throw new PlatformError('invalid_params', `${app.name} has no earlier release to roll back to.`, {
      hint: `See: paas releases -a ${app.name}`,
    });
  }
  const target = releases.find((release) => release.version === version);
  if (!target)
    throw new PlatformError('not_found', `${app.name} has no release v${version}.`, {
      hint: `See: paas releases -a ${app.name}`,
    });
  if (target.id === current?.id) throw new PlatformError('invalid_params', `v${version} is the current release.`);
  if (!eligible(target)) {
    const why =
      target.artifactId === null
        ? 'it has no build'
        : `it ${target.status === 'failed' ? 'failed' : 'is not finished'}`;
    throw new PlatformError('invalid_params', `Cannot roll back to v${version}: ${why}.`, {
      hint: `See: paas releases -a ${app.name}`,
    });
  }
  return target;
}
