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
/** How far the events were written is noted this often; a crash is made good by looking into the logs. */
const noteEveryMs = 1_000;
/** After a crash, lines are looked for among so many of an app's newest. */
const lookedThrough = 1_000;
const retryMs = 1_000;

export interface EventLogOptions {
  readonly store: Pick<Store, 'events' | 'changes'>;
  readonly appLog: AppLog & { flush(): Promise<void> };
  readonly logger: Logger;
  /** Holds the file that says how far the events were written. */
  readonly dir: string;
  readonly clock?: Clock;
}

/**
 * Writes what happens to each app into its log, each event once, also over a restart or crash of the platform. On its
 * first start it begins with the next event.
 */
export class EventLog {
  readonly #options: EventLogOptions;
  readonly #clock: Clock;
  readonly #closing = new AbortController();
  readonly #running: Promise<void>;
  /** Asked for at once: what is appended after the construction is to be written. */
  readonly #newestAtStart: Promise<readonly PlatformEvent[]>;
  readonly #unsubscribe: () => void;
  #cursor: EventCursor = beginning;
  #notedCursor: EventCursor | null = null;
  #wake: () => void = () => {};
  #pending = true;

  constructor(options: EventLogOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#unsubscribe = options.store.changes.subscribe(
      ({ table }) => {
        if (table === 'events') this.#look();
      },
      () => this.#look(),
    );
    this.#newestAtStart = options.store.events.list({ limit: 1 });
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
    const { logger } = this.#options;
    const noting = setInterval(() => void this.#note(), noteEveryMs);
    noting.unref();
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
    clearInterval(noting);
    if (begun)
      await this.#catchUp().catch((error: unknown) => logger.error('The last events are not in the logs.', { error }));
    await this.#note();
  }

  get #cursorPath(): string {
    return join(this.#options.dir, 'events.cursor');
  }

  async #catchUp(): Promise<void> {
    this.#pending = false;
    for (;;) {
      const events = await this.#options.store.events.listAfter(this.#cursor.seq, pageOfEvents);
      for (const event of events) {
        for (const line of linesOf(event)) this.#options.appLog.write(line.appId, line);
        this.#cursor = event;
      }
      if (events.length < pageOfEvents) break;
    }
  }

  /** Takes up where the last run stopped. What it wrote after its last note is in the logs, and is not written again. */
  async #begin(): Promise<void> {
    const { store, appLog } = this.#options;
    const noted = await readCursor(this.#cursorPath);
    if (noted === null) {
      const [newest] = await this.#newestAtStart.catch(() => store.events.list({ limit: 1 }));
      this.#cursor = newest ?? beginning;
      await this.#note();
      return;
    }
    const { missed, end } = await missedSince(store.events, noted, pageOfEvents);
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

  async #note(): Promise<void> {
    const cursor = this.#cursor;
    if (cursor === this.#notedCursor) return;
    this.#notedCursor = cursor;
    const { appLog, logger } = this.#options;
    try {
      // A note must not say more than the disk has.
      await appLog.flush();
      await writeCursor(this.#cursorPath, cursor);
    } catch (error) {
      this.#notedCursor = null;
      logger.warn('How far the events were written could not be noted.', { error });
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

export function createEventLog(options: EventLogOptions): EventLog {
  return new EventLog(options);
}
