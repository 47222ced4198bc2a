import { existsSync, mkdirSync, renameSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { paths, type Settings } from '../config/settings.ts';
import { platformActor } from '../domain/actor.ts';
import type { Engine } from '../domain/engine.ts';
import { PlatformError } from '../domain/errors.ts';
import { eventOf } from '../domain/event.ts';
import { type BackupFacts, checkBackup, copyRootKey } from '../store/backup-file.ts';
import { keyCopyPath, listBackups } from '../store/backups.ts';
import { lookBeside } from '../store/beside.ts';
import { createMarkKeeper } from '../store/mark.ts';
import { putStore, type RestoredApp } from '../store/restore-file.ts';
import { keyInFile, rootKeyPath } from '../store/root-key.ts';
import { openHomeStore } from '../store/store.ts';
import { described } from './backup-commands.ts';
import { LauncherLock } from './lock.ts';
import { stopPlatform } from './stop.ts';
import type { Announcer } from './terminal.ts';

export interface RestoreOrder {
  /** Default: the newest backup in PAAS_HOME. */
  readonly file: string | undefined;
  /** The file of the root key. Default: the key in PAAS_HOME, or the copy of it that was made with the backup. */
  readonly key: string | undefined;
  readonly confirm: string | undefined;
}

interface RestoreDeps {
  readonly settings: Settings;
  readonly engine: Engine;
  readonly announcer: Announcer;
}

/**
 * `paas platform:restore [FILE]`: puts a backup in the place of the store, with its root key. Stops the platform; the apps
 * run on, and the next start takes them over. What is there is kept in a folder beside. Throws `invalid_params` for a file
 * that is no backup, `not_found` without its key, and `confirmation_required`; nothing is changed then.
 */
export async function restorePlatform(
  order: RestoreOrder,
  deps: RestoreDeps,
): Promise<Readonly<Record<string, unknown>>> {
  const { settings, engine, announcer } = deps;
  const { home } = settings;
  const { state, keys, mark } = paths(home);
  const path = resolve(order.file ?? newestBackup(home));
  if (!existsSync(path)) {
    throw new PlatformError('not_found', `There is no backup ${path}.`, { hint: 'See them: paas platform:backups' });
  }
  const made = checkBackup(path);
  const key = keyFor(made, { home, file: path, given: order.key });
  if (order.confirm !== settings.domain) throw unconfirmed(made, settings);

  await stopPlatform(settings, announcer);
  const lock = await LauncherLock.acquire(home);
  try {
    const beside = lookBeside(home);
    const aside = setAside(home, [state, `${state}-wal`, `${state}-shm`, rootKeyPath(keys), mark]);
    const wanted = { term: Math.max(made.term, beside.mark?.term ?? 0, beside.routesTerm) + 1 };
    // The key in use was set aside with the rest.
    const from = key === rootKeyPath(keys) ? join(aside, basename(key)) : key;
    if (from !== null) copyRootKey({ from, to: rootKeyPath(keys) });
    const apps = putStore(path, state, wanted);
    const strangers = setAsideRepositories(home, { aside, apps, repositories: beside.repositories });
    const store = await openHomeStore(home);
    try {
      const data = { backup: basename(path), newestChange: made.newestChange?.toISOString() ?? null };
      await store.events.append(eventOf('platform.restored', platformActor, { appId: null, data }));
      await createMarkKeeper(store, mark)();
    } finally {
      await store.close();
    }
    announcer.step(`Restored ${made.apps} apps as of ${made.newestChange?.toISOString() ?? 'their beginning'}`);
    announcer.detail(`what was there before is in ${aside}`);
    if (strangers > 0) announcer.detail(`repositories of apps that are not in the backup are there too: ${strangers}`);
    const lost = await sayWhatIsLost(apps, { home, engine, announcer });
    announcer.step(
      'Start the platform: npm start. Containers of instances that the backup does not know are removed then',
    );
    return { ...described(made), set_aside: aside, ...lost };
  } finally {
    lock.release();
  }
}

function newestBackup(home: string): string {
  const [newest] = listBackups(home);
  if (newest) return newest.path;
  throw new PlatformError('not_found', `There is no backup in ${paths(home).backups}.`, {
    hint: 'Name one that you kept elsewhere: paas platform:restore FILE',
  });
}

/** The file of the key that opens the backup's secrets; null when it has none. */
function keyFor(
  { rootKeyIds, path }: BackupFacts,
  { home, file, given }: { readonly home: string; readonly file: string; readonly given: string | undefined },
): string | null {
  const [id] = rootKeyIds;
  if (id === undefined) return null;
  const places =
    given === undefined ? [rootKeyPath(paths(home).keys), `${file}.key`, keyCopyPath(home, id)] : [resolve(given)];
  const found = places.find((place) => keyInFile(place)?.id === id);
  if (found !== undefined) return found;
  throw new PlatformError(
    'not_found',
    `${path} is sealed with the root key ${id}, which is not in ${places.join(' or ')}.`,
    {
      hint: 'Name the file of the key: paas platform:restore FILE --key KEYFILE',
    },
  );
}

function unconfirmed({ apps, newestChange, path }: BackupFacts, { home, domain }: Settings): PlatformError {
  const when = newestChange ? ` as of ${newestChange.toISOString()}` : '';
  const message = `This puts the platform in ${home} back to ${path}: ${apps} apps${when}. Later changes are set aside.`;
  const hint = `To go on: paas platform:restore ${path} --confirm ${domain}`;
  return new PlatformError('confirmation_required', message, { hint });
}

function setAside(home: string, files: readonly string[]): string {
  const stamp = new Date().toISOString().slice(0, 23).replaceAll(':', '');
  const aside = join(home, `before-restore-${stamp}`);
  mkdirSync(aside, { mode: 0o700 });
  for (const file of files) if (existsSync(file)) renameSync(file, join(aside, basename(file)));
  return aside;
}

/** The store would be refused beside repositories of apps that it has never heard of. Returns how many there were. */
function setAsideRepositories(
  home: string,
  {
    aside,
    apps,
    repositories,
  }: { readonly aside: string; readonly apps: readonly RestoredApp[]; readonly repositories: readonly string[] },
): number {
  const known = new Set(apps.map(({ id }) => id));
  const strangers = repositories.filter((id) => !known.has(id));
  for (const id of strangers) renameSync(join(paths(home).repos, `${id}.git`), join(aside, `${id}.git`));
  return strangers.length;
}

/** Says which apps cannot go on by themselves. Returns their names, for programs. */
async function sayWhatIsLost(
  apps: readonly RestoredApp[],
  { home, engine, announcer }: { readonly home: string; readonly engine: Engine; readonly announcer: Announcer },
): Promise<Readonly<Record<string, readonly string[]>>> {
  const withoutRepository = apps.filter(({ id }) => !existsSync(join(paths(home).repos, `${id}.git`)));
  const withoutImage: RestoredApp[] = [];
  for (const app of apps) {
    // An engine that does not answer now has nothing lost yet.
    const image = app.serves === null ? null : await engine.images.inspect(app.serves.image).catch(() => undefined);
    if (app.serves !== null && image === null) withoutImage.push(app);
  }
  for (const { name, serves } of withoutImage)
    announcer.detail(`the image of ${name} v${serves?.version} is gone: push it again, or paas releases -a ${name}`);
  for (const { name } of withoutRepository)
    announcer.detail(`${name} has no repository here: the next push from any clone makes it again`);
  return {
    without_image: withoutImage.map(({ name }) => name),
    without_repository: withoutRepository.map(({ name }) => name),
  };
}
