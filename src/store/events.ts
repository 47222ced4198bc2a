import type { EventKind, PlatformEvent } from '../domain/event.ts';
import type { Events } from '../domain/store.ts';
import { newId } from './ids.ts';
import { toDate, toText } from './rows.ts';
import type { EventRow } from './schema.ts';
import type { Scope, Tx } from './scope.ts';

const columns = ['id', 'kind', 'at', 'appId', 'accountId', 'actorEmail', 'requestId', 'data'] as const;

type Event = Omit<EventRow, 'seq'>;

export function eventsTable(scope: Scope): Events {
  return {
    append: (event) => scope.write((tx) => insert(tx, event)),
    list: ({ appId, limit }) =>
      scope.read(async ({ db }) => {
        let query = db.selectFrom('events').select(columns);
        if (appId !== undefined) query = query.where('appId', '=', appId);
        return (await query.orderBy('seq', 'desc').limit(limit).execute()).map(toEvent);
      }),
    listAfter: (id, limit) => scope.read((tx) => listAfter(tx, id, limit)),
    prune: (before, limit, kinds) => scope.write((tx) => prune(tx, { before, limit, kinds })),
  };
}

/** Ids grow with time, so an event that is not there (after a restore of an older store) still has its place. */
async function listAfter({ db }: Tx, id: string | null, limit: number): Promise<readonly PlatformEvent[]> {
  let query = db.selectFrom('events').select(columns);
  if (id !== null) {
    const event = await db.selectFrom('events').select('seq').where('id', '=', id).executeTakeFirst();
    query = event ? query.where('seq', '>', event.seq) : query.where('id', '>', id);
  }
  return (await query.orderBy('seq').limit(limit).execute()).map(toEvent);
}

async function insert(tx: Tx, event: Parameters<Events['append']>[0]): Promise<PlatformEvent> {
  const now = tx.clock.now();
  const row: Event = {
    id: newId(now),
    kind: event.kind,
    at: toText(now),
    appId: event.appId,
    accountId: event.accountId,
    actorEmail: event.actorEmail,
    requestId: event.requestId,
    data: JSON.stringify(event.data),
  };
  await tx.db.insertInto('events').values(row).execute();
  tx.changed('events', event.appId ?? '', row.id);
  return toEvent(row);
}

async function prune(
  { db }: Tx,
  {
    before,
    limit,
    kinds,
  }: { readonly before: Date; readonly limit: number; readonly kinds: readonly EventKind[] | undefined },
): Promise<number> {
  let old = db.selectFrom('events').select('seq').where('at', '<', toText(before));
  if (kinds !== undefined) old = old.where('kind', 'in', kinds);
  const { numDeletedRows } = await db
    .deleteFrom('events')
    .where('seq', 'in', old.orderBy('seq').limit(limit))
    .executeTakeFirst();
  return Number(numDeletedRows);
}

function toEvent(row: Event): PlatformEvent {
  return { ...row, at: toDate(row.at), data: JSON.parse(row.data) as PlatformEvent['data'] };
}
