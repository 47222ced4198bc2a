import type { Io } from './io.ts';
import { harmless } from './terminal-text.ts';

const frames = ['⣾', '⣽', '⣻', '⢿', '⡿', '⣟', '⣯', '⣷'];
const frameMs = 80;

export interface Progress {
  /** Shows the current step; on a terminal only. */
  status(text: string): void;
  /** Sets the text after the dots at the end, instead of `done`. */
  end(text: string): void;
}

/**
 * Prints `Verb object... done` on stderr around `work`, or `... !` when it throws. Only a terminal shows a spinner; a file
 * gets the line once.
 */
export async function withProgress<T>(
  io: Pick<Io, 'stderr'>,
  title: string,
  work: (progress: Progress) => Promise<T>,
): Promise<T> {
  const line = new ProgressLine(io.stderr, title);
  let end = 'done';
  try {
    const result = await work({ status: (text) => line.status(text), end: (text) => (end = text) });
    line.finish(end);
    return result;
  } catch (error) {
    line.finish('!');
    throw error;
  }
}

class ProgressLine {
  readonly #output: Io['stderr'];
  readonly #title: string;
  readonly #timer: NodeJS.Timeout | undefined;
  #frame = 0;
  #status = '';

  constructor(output: Io['stderr'], title: string) {
    this.#output = output;
    this.#title = harmless(title, { colours: true });
    if (output.isTTY) {
      this.#draw();
      this.#timer = setInterval(() => this.#draw(), frameMs);
      this.#timer.unref();
    } else {
      output.write(`${title}...`);
    }
  }

  status(text: string): void {
    this.#status = ` ${harmless(text)}`;
  }

  finish(text: string): void {
    clearInterval(this.#timer);
    const end = harmless(text, { colours: true });
    this.#output.write(this.#output.isTTY ? `\r${this.#title}... ${end}\x1b[K\n` : ` ${end}\n`);
  }

  /** Cuts the line to the terminal's width: a wrapped line could not be overwritten. */
  #draw(): void {
    const frame = frames[this.#frame++ % frames.length];
    const text = `${this.#title}... ${frame}${this.#status}`;
    const columns = this.#output.columns || 80;
    this.#output.write(`\r${text.length < columns ? text : `${this.#title.slice(0, columns - 8)}... ${frame}`}\x1b[K`);
  }
}
