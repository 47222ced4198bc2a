import { readFileSync } from 'node:fs';
import type { Store } from '../domain/store.ts';
import { writeWhole } from '../system/durable-file.ts';
import { leaderTermSetting } from './lease-terms.ts';
import { platformIdSetting } from './platform-id.ts';

/**
 * How far a platform's store has got. A file with it lies beside the store, so that an emptied store, another platform's,
 * or an older copy is recognised. Both numbers only grow.
 */
export interface StoreMark {
  readonly platformId: string;
  /** The last term of a leader: one for each start. */
  readonly term: number;
  /** The number of the newest event: at least one for each change. */
  readonly seq: number;
}

/** Null when there is no mark, or none that can be read. */
export function readMark(path: string): StoreMark | null {
  try {
    const content: unknown = JSON.parse(readFileSync(path, 'utf8'));
    return isMark(content) ? content : null;
  } catch {
    return null;
  }
}

function isMark(content: unknown): content is StoreMark {
  const { platformId, term, seq } = (content ?? {}) as Partial<Record<keyof StoreMark, unknown>>;
  return typeof platformId === 'string' && Number.isSafeInteger(term) && Number.isSafeInteger(seq);
}

/** The mark of a store as it is now. Null before the platform has its id. */
export async function markOf({ settings, events }: Pick<Store, 'settings' | 'events'>): Promise<StoreMark | null> {
  const platformId = await settings.get(platformIdSetting);
  if (platformId === null) return null;
  const term = Number((await settings.get(leaderTermSetting)) ?? 0);
  const [newest] = await events.list({ limit: 1 });
  return { platformId, term, seq: newest?.seq ?? 0 };
}

export type SaveMark = () => Promise<void>;

/** Writes the store's mark to the path when it has changed. Throws the file system's error. */
export function createMarkKeeper(store: Pick<Store, 'settings' | 'events'>, path: string): SaveMark {
  let saved = '';
  return async () => {
    const text = JSON.stringify(await markOf(store));
    if (text === saved || text === 'null') return;
    await writeWhole(path, `${text}\n`);
    saved = text;
  };
}
