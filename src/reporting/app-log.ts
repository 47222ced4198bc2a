import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { AppLog, LogLine, LogQuery } from '../domain/log-line.ts';
import { type Clock, systemClock } from '../system/clock.ts';
import { type Logger, silentLogger } from '../system/logger.ts';
import { AppLogFile } from './app-log-file.ts';
import { defaultFloodLimits, FloodGate, type FloodLimits } from './flood-gate.ts';
import { type StoredLine, splitText, toStored } from './log-format.ts';

export interface AppLogOptions {
  /** One folder per app is made in it. */
  readonly dir: string;
  readonly bytesPerApp: number;
  /** Nothing is written while less than this is free on the disk. Default: 0. */
  readonly keptFreeBytes?: number;
  /** Per process of an app; the platform's own and build lines are not limited. */
  readonly floodLimits?: FloodLimits;
  readonly clock?: Clock;
  readonly logger?: Logger;
}

/** The log as the log collector needs it: lines with their origin, and what it takes to resume a container's log. */
export interface ResumableLog extends AppLog {
  /** Writes one line, as `splitText` returns it. False when the process floods the log and the line was dropped. */
  writeStored(appId: string, line: StoredLine): boolean;
  /** Resolves when there is room in memory for more lines. For writers that can wait. */
  room(appId: string): Promise<void>;
  /** The last line of an origin and its lines of the two seconds before, in any order. Searches the whole log. */
  lastLinesOf(appId: string, origin: string): Promise<readonly StoredLine[]>;
  /** The moment of the oldest line that is left, when older ones were removed to keep the cap. Null when none were. */
  forgotBefore(appId: string): Promise<Date | null>;
}

/**
 * Every app's log in files, kept across releases, crashes and restarts. `write` never waits: lines go to memory, and
 * within 50 ms to the disk. While the disk takes nothing, lines are dropped and counted, and the platform goes on.
 */
export class FileAppLog implements ResumableLog {
  readonly #options: Required<AppLogOptions>;
  readonly #files = new Map<string, AppLogFile>();
  readonly #gates = new Map<string, Gate>();
  /** The ids of destroyed apps. They are never used again, so a late line makes no new folder. */
  readonly #removed = new Set<string>();
  readonly #report: NodeJS.Timeout;
  #closed = false;

  constructor(options: AppLogOptions) {
    const defaults = { keptFreeBytes: 0, floodLimits: defaultFloodLimits, clock: systemClock, logger: silentLogger };
    this.#options = { ...defaults, ...options };
    this.#report = setInterval(() => this.#reportFloods(), 1000);
    this.#report.unref();
  }

  write(appId: string, line: LogLine): void {
    for (const text of splitText(line.text)) this.writeStored(appId, toStored({ ...line, text }));
  }

  writeStored(appId: string, line: StoredLine): boolean {
    if (this.#closed || this.#removed.has(appId)) return true;
    if ((line.source === 'app' || line.source === 'router') && !this.#admits(appId, line)) return false;
    this.#file(appId).write(line);
    return true;
  }

  async room(appId: string): Promise<void> {
    const file = this.#file(appId);
    if (file.isCrowded) await file.flush();
  }

  async read(appId: string, query: LogQuery): Promise<readonly LogLine[]> {
    if (this.#removed.has(appId)) return [];
    return await this.#file(appId).read(query);
  }

  async *follow(appId: string, query: LogQuery, signal: AbortSignal): AsyncGenerator<LogLine> {
    if (this.#removed.has(appId) || this.#closed) return;
    yield* this.#file(appId).follow(query, signal);
  }

  async lastLinesOf(appId: string, origin: string): Promise<readonly StoredLine[]> {
    return await this.#file(appId).lastLinesOf(origin);
  }

  async forgotBefore(appId: string): Promise<Date | null> {
    return await this.#file(appId).forgotBefore();
  }

  async remove(appId: string): Promise<void> {
    this.#removed.add(appId);
    const file = this.#files.get(appId);
    this.#files.delete(appId);
    for (const key of this.#gates.keys()) if (key.startsWith(`${appId} `)) this.#gates.delete(key);
    file?.endFollowers();
    await file?.flush();
    await rm(this.#directory(appId), { recursive: true, force: true });
  }

  /** Resolves when all lines written before are on the disk. */
  async flush(): Promise<void> {
    await Promise.all([...this.#files.values()].map((file) => file.flush()));
  }

  /** Writes the lines that wait, ends the followers, and takes no more lines. */
  async close(): Promise<void> {
    clearInterval(this.#report);
    this.#reportFloods();
    this.#closed = true;
    for (const file of this.#files.values()) file.endFollowers();
    await this.flush();
  }

  #file(appId: string): AppLogFile {
    const known = this.#files.get(appId);
    if (known) return known;
    const { bytesPerApp, keptFreeBytes, logger } = this.#options;
    const onFailing = (error: unknown) =>
      logger.error("An app's log cannot be written; its lines are dropped and counted.", { appId, error });
    const file = new AppLogFile(this.#directory(appId), { capBytes: bytesPerApp, keptFreeBytes, onFailing });
    this.#files.set(appId, file);
    return file;
  }

  #directory(appId: string): string {
    return join(this.#options.dir, appId);
  }

  #admits(appId: string, line: StoredLine): boolean {
    const key = `${appId} ${line.process}`;
    let gate = this.#gates.get(key);
    if (!gate) {
      const { floodLimits, clock } = this.#options;
      gate = { appId, process: line.process, gate: new FloodGate(floodLimits, clock) };
      this.#gates.set(key, gate);
    }
    return gate.gate.admits(line.text.length);
  }

  #reportFloods(): void {
    const { linesPerSecond, bytesPerSecond } = this.#options.floodLimits;
    const limit = `${linesPerSecond} lines or ${Math.round(bytesPerSecond / 1024)} KiB a second`;
    for (const [key, { appId, process, gate }] of this.#gates) {
      const dropped = gate.takeDropped();
      if (dropped > 0) {
        const at = this.#options.clock.now();
        const text = `${dropped} lines of ${process} dropped here: more than ${limit}.`;
        this.write(appId, { at, source: 'platform', process, release: null, text });
      }
      if (gate.isIdle) this.#gates.delete(key);
    }
  }
}

interface Gate {
  readonly appId: string;
  readonly process: string;
  readonly gate: FloodGate;
}

export function createAppLog(options: AppLogOptions): FileAppLog {
  return new FileAppLog(options);
}
