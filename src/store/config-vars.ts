import { type ConfigVars, checkConfigVars } from '../domain/config-vars.ts';
import type { ConfigVarSets } from '../domain/store.ts';
import type { Scope, Tx } from './scope.ts';
import type { Place } from './seal.ts';

/** Sealed per variable, so that a change of one does not touch the rest. */
export function configVarsTable(scope: Scope): ConfigVarSets {
  return {
    get: (appId) => scope.read(async (tx) => toRecord(await open(tx, appId))),
    change: (appId, changes) =>
      scope.write(async (tx) => {
        const before = await open(tx, appId);
        return await store(tx, appId, before, applied(before, changes));
      }),
    replace: (appId, vars) =>
      scope.write(async (tx) => {
        await store(tx, appId, await open(tx, appId), new Map(Object.entries(vars)));
      }),
  };
}

type Vars = ReadonlyMap<string, string>;

/** A record whose `__proto__` is a variable like any other, as `Object.fromEntries` makes it. */
function toRecord(vars: Vars): ConfigVars {
  return Object.fromEntries(vars);
}

function applied(before: Vars, changes: Readonly<Record<string, string | null>>): Vars {
  const after = new Map(before);
  for (const [name, value] of Object.entries(changes)) {
    if (value === null) after.delete(name);
    else after.set(name, value);
  }
  return after;
}

async function open(tx: Tx, appId: string): Promise<Vars> {
  const rows = await tx.db.selectFrom('configVars').selectAll().where('appId', '=', appId).orderBy('name').execute();
  const vars = new Map<string, string>();
  for (const row of rows) vars.set(row.name, await tx.seals.open(tx, place(appId, row.name, row.version), row.sealed));
  return vars;
}

async function store(tx: Tx, appId: string, before: Vars, after: Vars): Promise<ConfigVars> {
  const record = toRecord(after);
  checkConfigVars(record);
  for (const name of before.keys()) {
    if (after.has(name)) continue;
    await tx.db.deleteFrom('configVars').where('appId', '=', appId).where('name', '=', name).execute();
  }
  await put(
    tx,
    appId,
    [...after].filter(([name, value]) => before.get(name) !== value),
  );
  return record;
}

async function put(tx: Tx, appId: string, vars: readonly (readonly [string, string])[]): Promise<void> {
  if (vars.length === 0) return;
  const rows = await tx.db.selectFrom('configVars').select(['name', 'version']).where('appId', '=', appId).execute();
  const versions = new Map(rows.map((row) => [row.name, row.version]));
  const secrets = vars.map(([name, plaintext]) => ({
    place: place(appId, name, (versions.get(name) ?? 0) + 1),
    plaintext,
  }));
  const sealedTexts = await tx.seals.sealAll(tx, appId, secrets);
  for (const [index, secret] of secrets.entries()) {
    const { name, version } = secret.place;
    const sealed = sealedTexts[index] ?? '';
    await tx.db
      .insertInto('configVars')
      .values({ appId, name, version, sealed })
      .onConflict((conflict) => conflict.columns(['appId', 'name']).doUpdateSet({ version, sealed }))
      .execute();
  }
}

function place(appId: string, name: string, version: number): Place {
  return { table: 'config_vars', appId, name, version };
}
