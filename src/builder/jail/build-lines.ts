import { StringDecoder } from 'node:string_decoder';
import { type BuildOutput, drawnLine } from '../../domain/build.ts';

const stepPrefix = '-----> ';
const warnPrefix = ' !     ';
const detailPrefix = '       ';
const maxLineLength = 4096;

/**
 * Makes lines of what a build writes and tells them apart by Heroku's prefixes, which our buildpacks and the classic
 * ones write themselves. `conceal` changes a line before anybody sees it.
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
    // A line without an end is cut, or a build could fill the memory with one.
    this.#rest = (lines.pop() ?? '').slice(-maxLineLength);
    for (const line of lines) this.#line(line);
  }

  end(): void {
    if (this.#rest !== '') this.#line(this.#rest);
    this.#rest = '';
  }

  /** The block of ` !     ` lines that ended the output: with those a build says why it gave up. Empty when it did not. */
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
