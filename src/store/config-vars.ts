import { type ConfigVarSource, type ConfigVars, checkConfigVars, checkSource } from '../domain/config-vars.ts';
import type { ConfigVarSets } from '../domain/store.ts';
import type { Scope, Tx } from './scope.ts';
import type { SealContext } from './seal.ts';

/** Sealed per variable, so that a change of one does not touch the rest. */
export function configVarsTable(scope: Scope): ConfigVarSets {
  return {
    get: (appId) => scope.read(async (tx) => toRecord(await open(tx, appId))),
    sources: (appId) => scope.read((tx) => sourcesOf(tx, appId)),
    change: (appId, changes, source = 'user') =>
      scope.write(async (tx) => {
        const before = await open(tx, appId);
        const after = applied(before, changes);
        const changed = Object.keys(changes).filter((name) => before.get(name) !== after.get(name));
        checkSource(changed, source, await sourcesOf(tx, appId));
        return await store(tx, appId, { before, after, source });
      }),
    replace: (appId, vars) =>
      scope.write(async (tx) => {
        const before = await open(tx, appId);
        const sources = new Map(Object.entries(await sourcesOf(tx, appId)));
        const isOthers = (name: string) => (sources.get(name) ?? 'user') !== 'user';
        const others = [...before].filter(([name]) => isOthers(name));
        await store(tx, appId, { before, after: new Map([...Object.entries(vars), ...others]), source: 'user' });
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
  for (const row of rows)
    vars.set(row.name, await tx.seals.open(tx, sealContext(appId, row.name, row.version), row.sealed));
  return vars;
}

async function sourcesOf({ db }: Tx, appId: string): Promise<Readonly<Record<string, ConfigVarSource>>> {
  const rows = await db.selectFrom('configVars').select(['name', 'source']).where('appId', '=', appId).execute();
  return Object.fromEntries(rows.map(({ name, source }) => [name, source]));
}

interface Change {
  readonly before: Vars;
  readonly after: Vars;
  readonly source: ConfigVarSource;
}

async function store(tx: Tx, appId: string, { before, after, source }: Change): Promise<ConfigVars> {
  const record = toRecord(after);
  checkConfigVars(record);
  for (const name of before.keys()) {
    if (after.has(name)) continue;
    await tx.db.deleteFrom('configVars').where('appId', '=', appId).where('name', '=', name).execute();
  }
  const vars = [...after].filter(([name, value]) => before.get(name) !== value);
  await put(tx, appId, { vars, source });
  return record;
}

async function put(
  tx: Tx,
  appId: string,
  { vars, source }: { readonly vars: readonly (readonly [string, string])[]; readonly source: ConfigVarSource },
): Promise<void> {
  if (vars.length === 0) return;
  const rows = await tx.db.selectFrom('configVars').select(['name', 'version']).where('appId', '=', appId).execute();
  const versions = new Map(rows.map((row) => [row.name, row.version]));
  const secrets = vars.map(([name, plaintext]) => ({
    context: sealContext(appId, name, (versions.get(name) ?? 0) + 1),
    plaintext,
  }));
  const sealedTexts = await tx.seals.sealAll(tx, appId, secrets);
  for (const [index, secret] of secrets.entries()) {
    const { name, version } = secret.context;
    const sealed = sealedTexts[index] ?? '';
    await tx.db
      .insertInto('configVars')
      .values({ appId, name, version, sealed, source })
      .onConflict((conflict) => conflict.columns(['appId', 'name']).doUpdateSet({ version, sealed }))
      .execute();
  }
}

function sealContext(appId: string, name: string, version: number): SealContext {
  return { table: 'config_vars', appId, name, version };
}
