import type { PlatformSettings } from '../domain/store.ts';
import type { Scope } from './scope.ts';

export function settingsTable(scope: Scope): PlatformSettings {
  return {
    get: (name) =>
      scope.read(async ({ db }) => {
        const row = await db.selectFrom('settings').select('value').where('name', '=', name).executeTakeFirst();
        return row?.value ?? null;
      }),
    set: (name, value) =>
      scope.write(async ({ db }) => {
        await db
          .insertInto('settings')
          .values({ name, value })
          .onConflict((conflict) => conflict.column('name').doUpdateSet({ value }))
          .execute();
      }),
  };
}
