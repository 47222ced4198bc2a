import { chmodSync, copyFileSync, renameSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { sync } from './backup-file.ts';
import { leaderTermSetting } from './lease-terms.ts';

/** What became of the apps in a restored store. */
export interface RestoredApp {
  readonly id: string;
  readonly name: string;
  /** The version and the image of the release that serves; null when nothing was deployed. */
  readonly serves: { readonly version: number; readonly image: string } | null;
}

/**
 * Puts a backup in the place of the store, which must not be there any more: whole, or not at all. Its next leader's
 * term is above `term`, so that the resolver takes its routes. Returns the apps in it.
 */
export function putStore(backup: string, state: string, { term }: { readonly term: number }): readonly RestoredApp[] {
  const draft = `${state}.restored`;
  rmSync(draft, { force: true });
  try {
    copyFileSync(backup, draft);
    chmodSync(draft, 0o600);
    const apps = settle(draft, term);
    sync(draft);
    renameSync(draft, state);
    sync(dirname(state));
    return apps;
  } finally {
    rmSync(draft, { force: true });
  }
}

function settle(path: string, term: number): readonly RestoredApp[] {
  const database = new DatabaseSync(path);
  try {
    database.exec('pragma journal_mode = delete');
    database
      .prepare(
        'insert into settings (name, value) values (?, ?) on conflict (name) do update set value = excluded.value',
      )
      .run(leaderTermSetting, String(term));
    return database
      .prepare(
        `select a.id, a.name, r.version, f.image_id as image from apps a
         left join traffic t on t.app_id = a.id and t.weight > 0
         left join releases r on r.id = t.release_id
         left join artifacts f on f.id = r.artifact_id order by a.name`,
      )
      .all()
      .map(({ id, name, version, image }) => ({
        id: String(id),
        name: String(name),
        serves: version === null || image === null ? null : { version: Number(version), image: String(image) },
      }));
  } finally {
    database.close();
  }
}
