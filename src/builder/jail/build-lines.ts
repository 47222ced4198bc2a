import { StringDecoder } from 'node:string_decoder';
import { type BuildOutput, drawnLine } from '../../domain/build.ts';

const stepPrefix = '-----> ';
const warnPrefix = ' !     ';
const detailPrefix = '       ';
const maxLineLength = 4096;

/**
 * Splits a build's output into lines and sorts them into steps, warnings and details by Heroku's prefixes, which our
 * buildpacks and the classic ones print. `conceal` replaces secrets in a line before it is passed on.
 */
export class BuildLines {
  readonly #output: BuildOutput;
  readonly #conceal: (line: string) => string;
  readonly #decoder = new StringDecoder('utf8');
  #rest = '';
  #lastWarnings: string[] = [];

  constructor(output: BuildOutput, conceal: (line: string) => string) {
    this.#output = output;
    this.#conceal = conceal;
  }

  write(chunk: Buffer): void {
    const lines = (this.#rest + this.#decoder.write(chunk)).split('\n');
    // A line without an end is cut: a build could fill the memory with it otherwise.
    this.#rest = (lines.pop() ?? '').slice(-maxLineLength);
    for (const line of lines) this.#line(line);
  }

  /** Ends a line that has no newline. To be called when a program has ended; more output may come from the next one. */
  end(): void {
    const last = this.#rest + this.#decoder.end();
    this.#rest = '';
    if (last !== '') this.#line(last);
  }

  /** The block of ` !     ` lines at the end of the output, which says why a build failed. Empty when there is none. */
  get lastWarnings(): readonly string[] {
    return this.#lastWarnings;
  }

  #line(raw: string): void {
    const line = this.#conceal(drawnLine(raw)).slice(0, maxLineLength);
    if (line.startsWith(warnPrefix)) this.#lastWarnings.push(line.slice(warnPrefix.length));
    else if (line.trim() !== '') this.#lastWarnings = [];
    if (line.startsWith(stepPrefix)) this.#output.step(line.slice(stepPrefix.length));
    else if (line.startsWith(warnPrefix)) this.#output.warn(line.slice(warnPrefix.length));
    else this.#output.detail(line.startsWith(detailPrefix) ? line.slice(detailPrefix.length) : line);
  }
}
