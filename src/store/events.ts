import type { PlatformEvent } from '../domain/event.ts';
import type { Events, OldEvents } from '../domain/store.ts';
import { newId } from './ids.ts';
import { toDate, toText } from './rows.ts';
import type { EventRow, Unnumbered } from './schema.ts';
import type { Scope, Tx } from './scope.ts';

export function eventsTable(scope: Scope): Events {
  return {
    append: (event) => scope.write((tx) => insert(tx, event)),
    list: ({ appId, limit }) =>
      scope.read(async ({ db }) => {
        let query = db.selectFrom('events').selectAll();
        if (appId !== undefined) query = query.where('appId', '=', appId);
        return (await query.orderBy('seq', 'desc').limit(limit).execute()).map(toEvent);
      }),
    listAfter: (seq, limit) =>
      scope.read(async ({ db }) => {
        const query = db.selectFrom('events').selectAll().where('seq', '>', seq);
        return (await query.orderBy('seq').limit(limit).execute()).map(toEvent);
      }),
    prune: (old) => scope.write((tx) => prune(tx, old)),
  };
}

async function insert(tx: Tx, event: Parameters<Events['append']>[0]): Promise<PlatformEvent> {
  const now = tx.clock.now();
  const row: Unnumbered<EventRow> = {
    id: newId(),
    kind: event.kind,
    at: toText(now),
    appId: event.appId,
    accountId: event.accountId,
    actorEmail: event.actorEmail,
    requestId: event.requestId,
    data: JSON.stringify(event.data),
  };
  const { seq } = await tx.db.insertInto('events').values(row).returning('seq').executeTakeFirstOrThrow();
  tx.changed('events', event.appId ?? '', row.id);
  return toEvent({ ...row, seq });
}

async function prune({ db }: Tx, { before, limit, kinds, upTo }: OldEvents): Promise<number> {
  let old = db.selectFrom('events').select('seq').where('at', '<', toText(before)).where('kind', 'in', kinds);
  if (upTo !== undefined) old = old.where('seq', '<=', upTo);
  const { numDeletedRows } = await db
    .deleteFrom('events')
    .where('seq', 'in', old.orderBy('seq').limit(limit))
    .executeTakeFirst();
  return Number(numDeletedRows);
}

/** The only place where an event is read: a row was written from a `NewEvent`, whose kind and facts belong together. */
function toEvent(row: EventRow): PlatformEvent {
  return { ...row, at: toDate(row.at), data: JSON.parse(row.data) } as PlatformEvent;
}
