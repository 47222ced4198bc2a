import { join } from 'node:path';
import type { PlatformEvent } from '../domain/event.ts';
import type { AppLog, LogLine } from '../domain/log-line.ts';
import type { Store } from '../domain/store.ts';
import { type Clock, systemClock } from '../system/clock.ts';
import type { Logger } from '../system/logger.ts';
import { beginning, type EventCursor, missedSince, readCursor, writeCursor } from './event-cursor.ts';
import { eventLines } from './event-lines.ts';
import { plainText } from './plain-text.ts';

const pageOfEvents = 500;
/** How often the cursor is saved. After a crash the logs tell which events were written since. */
const saveEveryMs = 1_000;
/** How many of an app's newest lines are searched after a crash for lines that were written already. */
const lookedThrough = 1_000;
const retryMs = 1_000;

export interface EventLogDeps {
  readonly store: Pick<Store, 'events' | 'changes'>;
  readonly appLog: AppLog & { flush(): Promise<void> };
  readonly logger: Logger;
  /** The folder of the file that names the last event written. */
  readonly dir: string;
  readonly clock?: Clock;
}

/**
 * Writes the events of each app into the app's log, each event once, also across restarts and crashes of the platform.
 * On its first start it begins with the next event.
 */
export class EventLog {
  readonly #deps: EventLogDeps;
  readonly #clock: Clock;
  readonly #closing = new AbortController();
  readonly #running: Promise<void>;
  /** Read at once: events appended after the construction are to be written. */
  readonly #newestAtStart: Promise<readonly PlatformEvent[]>;
  readonly #unsubscribe: () => void;
  #cursor: EventCursor = beginning;
  #savedCursor: EventCursor | null = null;
  /** A failure is logged when it begins. */
  #isSavingFailing = false;
  #wake: () => void = () => {};
  #pending = true;

  constructor(deps: EventLogDeps) {
    this.#deps = deps;
    this.#clock = deps.clock ?? systemClock;
    this.#unsubscribe = deps.store.changes.subscribe(
      ({ table }) => {
        if (table === 'events') this.#look();
      },
      () => this.#look(),
    );
    this.#newestAtStart = deps.store.events.list({ limit: 1 });
    this.#newestAtStart.catch(() => {});
    this.#running = this.#run();
  }

  async close(): Promise<void> {
    this.#unsubscribe();
    this.#closing.abort();
    this.#wake();
    await this.#running;
  }

  #look(): void {
    this.#pending = true;
    this.#wake();
  }

  async #run(): Promise<void> {
    const { signal } = this.#closing;
    const { logger } = this.#deps;
    const saving = setInterval(() => void this.#saveCursor(), saveEveryMs);
    saving.unref();
    let begun = false;
    while (!signal.aborted) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      try {
        if (!begun) await this.#begin();
        begun = true;
        if (this.#pending) await this.#catchUp();
        else await promise;
      } catch (error) {
        logger.error('Events could not be written to the logs; trying again.', { error });
        await this.#clock.sleep(retryMs, signal).catch(() => undefined);
      }
    }
    clearInterval(saving);
    if (begun)
      await this.#catchUp().catch((error: unknown) => logger.error('The last events are not in the logs.', { error }));
    await this.#saveCursor();
  }

  get #cursorPath(): string {
    return join(this.#deps.dir, 'events.cursor');
  }

  async #catchUp(): Promise<void> {
    this.#pending = false;
    for (;;) {
      const events = await this.#deps.store.events.listAfter(this.#cursor.seq, pageOfEvents);
      for (const event of events) {
        for (const line of linesOf(event)) this.#deps.appLog.write(line.appId, line);
        this.#cursor = event;
      }
      if (events.length < pageOfEvents) break;
    }
  }

  /**
   * Continues where the last run stopped. Lines that the last run wrote after it had saved its cursor are in the logs,
   * and are not written again.
   */
  async #begin(): Promise<void> {
    const { store, appLog } = this.#deps;
    const saved = await readCursor(this.#cursorPath);
    if (saved === null) {
      const [newest] = await this.#newestAtStart.catch(() => store.events.list({ limit: 1 }));
      this.#cursor = newest ?? beginning;
      await this.#saveCursor();
      return;
    }
    const { missed, end } = await missedSince(store.events, saved, pageOfEvents);
    const known = new Map<string, ReadonlySet<string>>();
    for (const event of missed) {
      for (const line of linesOf(event)) {
        let lines = known.get(line.appId);
        if (!lines) {
          const newest = await appLog.read(line.appId, { lines: lookedThrough, source: 'platform' });
          lines = new Set(newest.map(keyOf));
          known.set(line.appId, lines);
        }
        if (!lines.has(keyOf(line))) appLog.write(line.appId, line);
      }
    }
    this.#cursor = end;
  }

  async #saveCursor(): Promise<void> {
    const cursor = this.#cursor;
    if (cursor === this.#savedCursor) return;
    this.#savedCursor = cursor;
    const { appLog, logger } = this.#deps;
    try {
      // The cursor must not be ahead of the logs on the disk.
      await appLog.flush();
      await writeCursor(this.#cursorPath, cursor);
      this.#isSavingFailing = false;
    } catch (error) {
      this.#savedCursor = null;
      if (this.#isSavingFailing) return;
      this.#isSavingFailing = true;
      logger.warn('The number of the last event in the logs could not be saved.', { error });
    }
  }
}

type AppLine = LogLine & { readonly appId: string };

function linesOf(event: PlatformEvent): readonly AppLine[] {
  const { appId } = event;
  if (appId === null) return [];
  return eventLines(event).map((line) => ({ ...line, appId, text: plainText(line.text) }));
}

function keyOf({ at, process, text }: LogLine): string {
  return `${at.getTime()} ${process} ${text}`;
}

export function createEventLog(deps: EventLogDeps): EventLog {
  return new EventLog(deps);
}
