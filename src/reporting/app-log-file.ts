import type { LogLine, LogQuery } from '../domain/log-line.ts';
import { Follower } from './follower.ts';
import { decodeLine, encodeLine, type StoredLine, toLogLine, toStored } from './log-format.ts';
import { blocksBackwards, firstLine, type LogBounds, LogSegments, type SegmentsSnapshot } from './log-segments.ts';

/** Lines wait this long, so that several are written together. */
const flushAfterMs = 50;
/** Most bytes that may wait to be written. Only a failing disk lets so many wait; further lines are dropped. */
const maxWaitingBytes = 4 * 1024 * 1024;
/** Lines of one origin may be out of order by less than this: the engine stamps them before it stores them. */
const windowMs = 2_000;
/** Most blocks that are searched beyond the last line of an origin. */
const maxBlocksAfter = 16;

interface Snapshot extends SegmentsSnapshot {
  /** Lines that are not on the disk yet, oldest first. */
  readonly memory: readonly StoredLine[];
}

export interface AppLogFileOptions extends LogBounds {
  /** Called when writing begins to fail. */
  readonly onFailing: (error: unknown) => void;
}

/** The log of one app: the lines that wait to be written, those on the disk, and the followers. */
export class AppLogFile {
  readonly #segments: LogSegments;
  #loading: Promise<void> | null = null;
  readonly #followers = new Set<Follower>();
  readonly #onFailing: (error: unknown) => void;
  #waiting: StoredLine[] = [];
  #waitingBytes = 0;
  #inFlight: readonly StoredLine[] = [];
  #timer: NodeJS.Timeout | undefined;
  #flushing: Promise<void> | null = null;
  /** Lines that the disk did not take and that the log does not mention yet. */
  #dropped = 0;

  constructor(directory: string, { onFailing, ...bounds }: AppLogFileOptions) {
    this.#segments = new LogSegments(directory, bounds);
    this.#onFailing = onFailing;
  }

  write(line: StoredLine): void {
    const bytes = line.text.length + 64;
    if (this.#waitingBytes + bytes > maxWaitingBytes) {
      this.#dropped += 1;
      return;
    }
    this.#waiting.push(line);
    this.#waitingBytes += bytes;
    if (this.#followers.size > 0) {
      const shown = toLogLine(line);
      for (const follower of this.#followers) follower.push(shown);
    }
    this.#flushLater();
  }

  /** True when so much waits to be written that a writer which can wait should. */
  get isCrowded(): boolean {
    return this.#waitingBytes > maxWaitingBytes / 4;
  }

  /** Resolves when all lines written before are on the disk, or were given up. Never rejects. */
  async flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#flushing ??= this.#flushAll().finally(() => {
      this.#flushing = null;
      // Lines that came after the last check.
      if (this.#waiting.length > 0) this.#flushLater();
    });
    await this.#flushing;
  }

  /** Oldest first. */
  async read(query: LogQuery): Promise<readonly LogLine[]> {
    await this.#load();
    return await newest(this.#snapshot(), query);
  }

  async *follow(query: LogQuery, signal: AbortSignal): AsyncGenerator<LogLine> {
    await this.#load();
    const follower = new Follower((line) => matches(line, query));
    // Without a pause in between: a line written before is in the snapshot, and a later one goes to the follower.
    this.#followers.add(follower);
    const snapshot = this.#snapshot();
    try {
      for (const line of await newest(snapshot, query)) {
        if (signal.aborted) return;
        yield line;
      }
      yield* follower.lines(signal);
    } finally {
      this.#followers.delete(follower);
    }
  }

  /** The last line of an origin and its lines of the two seconds before, in any order. Searches the whole log. */
  async lastLinesOf(origin: string): Promise<readonly StoredLine[]> {
    await this.#load();
    const { memory, ...disk } = this.#snapshot();
    const found = memory.filter((line) => line.origin === origin);
    const oldestMs = () => found.reduce((ms, { at }) => Math.max(ms, at.getTime()), 0) - windowMs;
    let blocksAfter = 0;
    for await (const block of blocksBackwards(disk)) {
      if (block.includes(` ${origin} `)) {
        const lines = block.toString('utf8').split('\n').map(decodeLine);
        for (const line of lines) if (line?.origin === origin) found.push(line);
      }
      if (found.length === 0) continue;
      blocksAfter += 1;
      const fromMs = oldestMs();
      if (blocksAfter > maxBlocksAfter || found.some(({ at }) => at.getTime() < fromMs)) break;
    }
    const fromMs = oldestMs();
    return found.filter(({ at }) => at.getTime() >= fromMs);
  }

  /** The moment of the oldest line that is left, when older ones were removed to keep the cap. Null when none were. */
  async forgotBefore(): Promise<Date | null> {
    await this.#load();
    const snapshot = this.#snapshot();
    if (!snapshot.forgot) return null;
    return decodeLine(await firstLine(snapshot))?.at ?? null;
  }

  endFollowers(): void {
    for (const follower of this.#followers) follower.end();
  }

  /** Loads once, and again after a failure. */
  async #load(): Promise<void> {
    this.#loading ??= this.#segments.load().catch((error: unknown) => {
      this.#loading = null;
      throw error;
    });
    await this.#loading;
  }

  #snapshot(): Snapshot {
    return { ...this.#segments.snapshot(), memory: [...this.#inFlight, ...this.#waiting] };
  }

  #flushLater(): void {
    if (!this.#flushing) this.#timer ??= setTimeout(() => void this.flush(), flushAfterMs);
  }

  async #flushAll(): Promise<void> {
    while (this.#waiting.length > 0) {
      const text = this.#takeChunk();
      try {
        await this.#load();
        await this.#segments.append(text, () => {
          this.#inFlight = [];
        });
        if (this.#dropped > 0) this.#reportDropped();
      } catch (error) {
        if (this.#dropped === 0) this.#onFailing(error);
        this.#dropped += this.#inFlight.length;
        this.#inFlight = [];
      }
    }
  }

  #reportDropped(): void {
    const text = `${this.#dropped} lines dropped here: they could not be written to the disk.`;
    this.#dropped = 0;
    this.write(toStored({ at: new Date(), source: 'platform', process: 'logs', release: null, text }));
  }

  /** Moves lines from `waiting` to `inFlight`, as many as one append may write. */
  #takeChunk(): string {
    const limit = this.#segments.segmentBytes;
    let text = '';
    let count = 0;
    for (const line of this.#waiting) {
      const encoded = encodeLine(line);
      if (count > 0 && text.length + encoded.length > limit / 3) break;
      text += encoded;
      count += 1;
      this.#waitingBytes -= line.text.length + 64;
    }
    this.#inFlight = this.#waiting.slice(0, count);
    this.#waiting = this.#waiting.slice(count);
    return text;
  }
}

async function newest({ memory, ...disk }: Snapshot, query: LogQuery): Promise<readonly LogLine[]> {
  const found: LogLine[] = [];
  const add = (line: StoredLine | null) => {
    if (line && matches(line, query)) found.push(toLogLine(line));
    return found.length < query.lines;
  };
  if (query.lines <= 0) return [];
  for (const line of memory.toReversed()) if (!add(line)) return found.reverse();
  for await (const block of blocksBackwards(disk)) {
    for (const line of block.toString('utf8').split('\n').reverse()) if (!add(decodeLine(line))) return found.reverse();
  }
  return found.reverse();
}

function matches(line: LogLine, { process, source, release }: LogQuery): boolean {
  if (process !== undefined && line.process !== process && !line.process.startsWith(`${process}.`)) return false;
  if (source !== undefined && (typeof source === 'string' ? line.source !== source : !source.includes(line.source)))
    return false;
  return release === undefined || line.release === release;
}
