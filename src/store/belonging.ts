import { type Kysely, sql } from 'kysely';
import { PlatformError } from '../domain/errors.ts';
import { type Beside, belongings } from './beside.ts';
import type { StoreMark } from './mark.ts';

/** What a store says of itself, for the comparison with what lies beside it. */
export interface Origin extends StoreMark {
  /** Those of the repositories whose app the store has never heard of. */
  readonly strangers: readonly string[];
}

/**
 * Why a store does not belong to the home. Null when it does. `origin` is null for a store that holds no platform yet.
 * Without this check an emptied store would silently become a new platform, and an older copy would give numbers again
 * that were given already.
 */
export function foreignness(name: string, origin: Origin | null, beside: Beside): PlatformError | null {
  const { home, mark, routesTerm } = beside;
  if (origin === null) {
    const there = belongings(beside);
    if (there.length === 0) return null;
    return refused(`${name} is empty, and ${home} belongs to a platform: it holds ${inWords(there)}.`, beside);
  }
  if (mark !== null && mark.platformId !== origin.platformId) {
    const owner = `${home} belongs to the platform ${mark.platformId}`;
    return refused(`${name} belongs to the platform ${origin.platformId}, and ${owner}.`, beside);
  }
  if (mark !== null && mark.seq > origin.seq) {
    const end = `it ends at event ${origin.seq}, and event ${mark.seq} was written`;
    return refused(`${name} is older than what lies beside it: ${end}.`, beside);
  }
  const lastTerm = Math.max(mark?.term ?? 0, routesTerm);
  if (lastTerm > origin.term) {
    const end = `it ends at start ${origin.term} of the platform, and there was a start ${lastTerm}`;
    return refused(`${name} is older than what lies beside it: ${end}.`, beside);
  }
  const [stranger, ...others] = origin.strangers;
  if (stranger === undefined) return null;
  const repositories =
    others.length === 0 ? `a repository of the app ${stranger}` : `${others.length + 1} repositories`;
  return refused(`${name} knows nothing of ${repositories} in ${home}: it is an older copy or another store.`, beside);
}

export function inWords(things: readonly string[]): string {
  return things.length < 2 ? things.join('') : `${things.slice(0, -1).join(', ')} and ${things.at(-1)}`;
}

function refused(message: string, { backups }: Beside): PlatformError {
  const restore = backups === 0 ? 'paas platform:restore FILE' : 'paas platform:restore';
  return new PlatformError('conflict', message, {
    hint: `To put back a backup: ${restore}. To begin anew, with everything else set aside: npm start -- --new-platform`,
    retryable: false,
  });
}

/** As `foreignness`, for what a database holds, in any version of the schema. */
export async function refusalIn(
  db: Kysely<unknown>,
  { name, beside }: { readonly name: string; readonly beside: Beside },
): Promise<PlatformError | null> {
  const tables = (await db.introspection.getTables()).map((table) => table.name);
  const isMade = tables.includes('settings') && tables.includes('events');
  const origin = isMade ? await originIn(db, beside) : null;
  // A first start that was cut off after its key was made has no platform yet, and goes on.
  return foreignness(name, origin, origin === null && isMade ? { ...beside, hasKey: false } : beside);
}

/** Null when the tables hold no platform. */
async function originIn(db: Kysely<unknown>, { repositories }: Beside): Promise<Origin | null> {
  const settings = await sql<{ name: string; value: string }>`
    select name, value from settings where name in ('platform.id', 'leader.term')`.execute(db);
  const values = new Map(settings.rows.map(({ name, value }) => [name, value]));
  const platformId = values.get('platform.id');
  if (platformId === undefined) return null;
  const newest = await sql<{ seq: number | null }>`select max(seq) as seq from events`.execute(db);
  const strangers: string[] = [];
  for (const id of repositories) {
    const known = await sql`
      select 1 from apps where id = ${id} union all select 1 from events where app_id = ${id} limit 1`.execute(db);
    if (known.rows.length === 0) strangers.push(id);
  }
  return { platformId, term: Number(values.get('leader.term') ?? 0), seq: Number(newest.rows[0]?.seq ?? 0), strangers };
}
