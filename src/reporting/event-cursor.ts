import { readFile } from 'node:fs/promises';
import type { PlatformEvent } from '../domain/event.ts';
import type { Events } from '../domain/store.ts';
import { writeWhole } from '../system/durable-file.ts';

/** The last event that was dealt with. `at` tells whether `seq` still means that event. */
export type EventCursor = Pick<PlatformEvent, 'seq' | 'at'>;

/** Before the first event. */
export const beginning: EventCursor = { seq: 0, at: new Date(0) };

/** Null when there is no file, or the file holds no cursor. */
export async function readCursor(path: string): Promise<EventCursor | null> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '';
    throw error;
  });
  const [, seq, moment = ''] = /^(\d{1,15}) (\S{1,32})\n$/.exec(text) ?? [];
  const at = new Date(moment);
  return seq === undefined || Number.isNaN(at.getTime()) ? null : { seq: Number(seq), at };
}

export async function writeCursor(path: string, { seq, at }: EventCursor): Promise<void> {
  await writeWhole(path, `${seq} ${at.toISOString()}\n`);
}

/**
 * The events after the cursor, oldest first and at most `limit`, and the cursor to continue from. An older store may
 * have been restored since the cursor was written, and its numbers then mean other events. In that case the events
 * after the cursor's moment are looked for among the newest `limit`.
 */
export async function missedSince(
  events: Pick<Events, 'list' | 'listAfter'>,
  cursor: EventCursor,
  limit: number,
): Promise<{ readonly missed: readonly PlatformEvent[]; readonly end: EventCursor }> {
  const [from] = await events.listAfter(cursor.seq - 1, 1);
  if (from && isContinued(from, cursor)) {
    const missed = await events.listAfter(cursor.seq, limit);
    return { missed, end: missed.at(-1) ?? cursor };
  }
  const newest = await events.list({ limit });
  return { missed: newest.filter(({ at }) => at > cursor.at).reverse(), end: newest[0] ?? beginning };
}

/** The event itself may have been pruned. The next one is then younger. */
function isContinued(from: EventCursor, cursor: EventCursor): boolean {
  const difference = from.at.getTime() - cursor.at.getTime();
  return from.seq === cursor.seq ? difference === 0 : difference >= 0;
}
