import { setImmediate } from 'node:timers/promises';
import { type ContainerLogLine, countsAsRunning } from '../domain/containers.ts';
import type { Engine } from '../domain/engine.ts';
import { errorCode } from '../domain/errors.ts';
import type { Clock } from '../system/clock.ts';
import type { Logger } from '../system/logger.ts';
import type { ResumableLog } from './app-log.ts';
import { type StoredLine, splitText } from './log-format.ts';

/** The instance whose output is read, and the app whose log gets it. */
export interface OutputSource {
  readonly containerId: string;
  readonly appId: string;
  readonly process: string;
  readonly release: number | null;
  /** Whether an earlier run of the platform may have written some of it already. */
  readonly resume: boolean;
}

export interface OutputDeps {
  readonly engine: Pick<Engine, 'containers'>;
  readonly appLog: ResumableLog;
  readonly logger: Logger;
  readonly clock: Clock;
}

/** The wait doubles with each try. The engine ends a log shortly before it calls the container ended. */
const retryMs = { first: 20, last: 500 } as const;
/** Lines may be out of order by less than this: the engine stamps them before it stores them. */
const windowMs = 2_000;
const maxSeen = 10_000;
/**
 * After this many dropped lines of a flood the reading pauses: a process that floods its log must not take the
 * platform's CPU.
 */
const droppedAtOnce = 2_000;
const pauseMs = 100;
const linesPerBatch = 500;
/**
 * An engine that rotates a log while the part that it removes is being read can lose its position: it keeps the
 * connection and sends nothing more (measured with 20.10 and its `local` driver). So a connection that falls silent,
 * after as much text as may have been rotated, is opened anew.
 */
const silence = { afterBytes: 2 * 1024 * 1024, ms: 2_000 } as const;

/** Copies one instance's output into its app's log, each line once, however often the connection to the engine breaks. */
export class InstanceOutput {
  readonly #source: OutputSource;
  readonly #deps: OutputDeps;
  readonly #origin: string;
  readonly #seen = new SeenLines();
  #since: Date | null = null;
  #dropped = 0;
  #lines = 0;
  /**
   * Aborts when the container has ended. What its log has is then read once more, without following it: the engine leaves
   * the last lines out of a log that is followed, mostly one without a newline (20.10, in more than half of the cases).
   */
  readonly #over = new AbortController();

  constructor(source: OutputSource, deps: OutputDeps) {
    this.#source = source;
    this.#deps = deps;
    this.#origin = source.containerId.slice(0, 12);
  }

  /** Resolves when the container has ended and its last line is in the log, when it is gone, or when the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { engine, logger, clock } = this.#deps;
    const { containerId } = this.#source;
    let knowsWhere = !this.#source.resume;
    let hasWarned = false;
    let waitMs: number = retryMs.first;
    while (!signal.aborted) {
      try {
        if (!knowsWhere) await this.#resume();
        knowsWhere = true;
        const follow = !this.#over.signal.aborted;
        const isIncomplete = await this.#copy(follow, signal);
        if (signal.aborted) return;
        if (isIncomplete) continue;
        if (!follow) return;
        if (!countsAsRunning(await engine.containers.inspect(containerId))) this.#over.abort();
        if (this.#over.signal.aborted) continue;
      } catch (error) {
        if (signal.aborted || errorCode(error) === 'not_found') return;
        if (!hasWarned) logger.warn("An instance's output cannot be read; trying again.", { containerId, error });
        hasWarned = true;
      }
      await clock.sleep(waitMs, signal).catch(() => undefined);
      waitMs = Math.min(retryMs.last, waitMs * 2);
    }
  }

  /**
   * To be called when the container has ended and its output is still being followed: the engine can miss the end of a
   * log that it begins to read at that moment.
   */
  hurry(): void {
    this.#over.abort();
  }

  /** Finds in the app's log where to continue with this container. */
  async #resume(): Promise<void> {
    const { appLog } = this.#deps;
    const { appId } = this.#source;
    for (const line of await appLog.lastLinesOf(appId, this.#origin)) this.#seen.add(line);
    // With no line of it left, lines older than the log's oldest would only be removed again.
    if (this.#seen.fromMs === null) this.#since = await appLog.forgotBefore(appId);
  }

  /** True when the log has to be read again: the connection fell silent, or `hurry` was called. */
  async #copy(follow: boolean, signal: AbortSignal): Promise<boolean> {
    const { containers } = this.#deps.engine;
    const fellSilent = new AbortController();
    const { fromMs } = this.#seen;
    const since = fromMs === null ? this.#since : new Date(fromMs);
    const repeated = this.#seen.since(fromMs ?? 0);
    const options = { follow, ...(since === null ? {} : { since }) };
    const reading = AbortSignal.any([signal, fellSilent.signal, ...(follow ? [this.#over.signal] : [])]);
    let bytes = 0;
    let timer: NodeJS.Timeout | undefined;
    try {
      for await (const line of containers.logs(this.#source.containerId, options, reading)) {
        bytes += line.text.length;
        if (timer) timer.refresh();
        else if (bytes > silence.afterBytes) timer = setTimeout(() => fellSilent.abort(), silence.ms);
        for (const stored of this.#toStored(line)) {
          if (repeated.take(stored)) continue;
          this.#seen.add(stored);
          if (!this.#deps.appLog.writeStored(this.#source.appId, stored)) this.#dropped += 1;
        }
        await this.#giveWay(signal);
      }
    } finally {
      clearTimeout(timer);
    }
    return fellSilent.signal.aborted || (follow && this.#over.signal.aborted);
  }

  #toStored(line: ContainerLogLine): readonly StoredLine[] {
    const { process, release } = this.#source;
    const { at, rawTime } = line;
    const common = { at, rawTime, source: 'app', process, release, origin: this.#origin } as const;
    return splitText(line.text).map((text) => ({ ...common, text }));
  }

  /** Pauses from time to time, so that no output keeps the platform from its work. */
  async #giveWay(signal: AbortSignal): Promise<void> {
    this.#lines += 1;
    if (this.#dropped >= droppedAtOnce) {
      this.#dropped = 0;
      await this.#deps.clock.sleep(pauseMs, signal).catch(() => undefined);
    } else if (this.#lines % linesPerBatch === 0) {
      await setImmediate();
      await this.#deps.appLog.room(this.#source.appId);
    }
  }
}

/** The lines of the last seconds, identified by time (to the nanosecond) and length. */
class SeenLines {
  #lines: { readonly ms: number; readonly key: string }[] = [];
  #newestMs = Number.NEGATIVE_INFINITY;
  /** Of a flood only the last lines are remembered. Lines up to this moment are not requested again. */
  #forgottenMs = Number.NEGATIVE_INFINITY;
  #pruneAt = 1_000;

  /** From this moment on every line that was seen is known. Null before the first line. */
  get fromMs(): number | null {
    return this.#lines.length === 0 ? null : Math.max(this.#newestMs - windowMs, this.#forgottenMs + 1);
  }

  add(line: StoredLine): void {
    const ms = line.at.getTime();
    this.#newestMs = Math.max(this.#newestMs, ms);
    this.#lines.push({ ms, key: keyOf(line) });
    if (this.#lines.length >= this.#pruneAt) this.#prune();
  }

  #prune(): void {
    const recent = this.#lines.filter((seen) => seen.ms >= this.#newestMs - windowMs);
    const forgotten = recent.slice(0, -maxSeen);
    this.#forgottenMs = forgotten.reduce((ms, seen) => Math.max(ms, seen.ms), this.#forgottenMs);
    this.#lines = recent.slice(-maxSeen);
    this.#pruneAt = Math.max(1_000, this.#lines.length * 2);
  }

  /** The lines seen since a moment. `take` is true once for each of them. */
  since(ms: number): { take(line: StoredLine): boolean } {
    const counts = new Map<string, number>();
    for (const seen of this.#lines) if (seen.ms >= ms) counts.set(seen.key, (counts.get(seen.key) ?? 0) + 1);
    return {
      take(line) {
        if (counts.size === 0) return false;
        const key = keyOf(line);
        const count = counts.get(key) ?? 0;
        if (count > 1) counts.set(key, count - 1);
        else counts.delete(key);
        return count > 0;
      },
    };
  }
}

function keyOf({ rawTime, text }: StoredLine): string {
  return `${rawTime} ${text.length}`;
}
