import type { LogLine } from '../domain/log-line.ts';

/** A reader that is this many lines behind skips further lines, and gets a line with their number. */
const maxWaitingLines = 20_000;

/** The lines that wait for one reader of a live log. */
export class Follower {
  readonly #wants: (line: LogLine) => boolean;
  #waiting: LogLine[] = [];
  #skipped = 0;
  #ended = false;
  #wake: () => void = () => {};

  constructor(wants: (line: LogLine) => boolean) {
    this.#wants = wants;
  }

  push(line: LogLine): void {
    if (!this.#wants(line)) return;
    if (this.#waiting.length >= maxWaitingLines) this.#skipped += 1;
    else this.#waiting.push(line);
    this.#wake();
  }

  end(): void {
    this.#ended = true;
    this.#wake();
  }

  /** Until the signal aborts or the log ends. */
  async *lines(signal: AbortSignal): AsyncGenerator<LogLine> {
    const wake = () => this.#wake();
    signal.addEventListener('abort', wake);
    try {
      while (!signal.aborted) {
        const { promise, resolve } = Promise.withResolvers<void>();
        this.#wake = resolve;
        const lines = this.#take();
        for (const line of lines) {
          yield line;
          if (signal.aborted) return;
        }
        if (lines.length > 0) continue;
        if (this.#ended) return;
        await promise;
      }
    } finally {
      signal.removeEventListener('abort', wake);
    }
  }

  #take(): readonly LogLine[] {
    const lines = this.#waiting;
    this.#waiting = [];
    const last = lines.at(-1);
    if (this.#skipped === 0 || !last) return lines;
    const text = `${this.#skipped} lines skipped here: this reader is slower than the log.`;
    this.#skipped = 0;
    return [...lines, { at: last.at, source: 'platform', process: 'logs', release: null, text }];
  }
}
