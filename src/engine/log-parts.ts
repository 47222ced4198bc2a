import type { ContainerLogLine } from '../domain/containers.ts';

/** A longer line is delivered in pieces, so that one line cannot fill our memory. */
const longestLineBytes = 64 * 1024;
/** The engine stores output without a newline in parts of this size. */
const enginePartBytes = 16 * 1024;
const newline = 0x0a;
const carriageReturn = 0x0d;

/**
 * Joins the parts in which the engine stores a long line. Each entry is `<timestamp> <text>`, and all parts of a line have
 * the same timestamp. The last part should end with a newline, but the `local` log driver of 20.10 loses it. So a part
 * that is shorter than the engine's part size ends the line too.
 */
export class LogParts {
  readonly #stream: ContainerLogLine['stream'];
  #rawTime = '';
  #parts: Buffer[] = [];
  #bytes = 0;

  constructor(stream: ContainerLogLine['stream']) {
    this.#stream = stream;
  }

  *add(entry: Buffer): Generator<ContainerLogLine> {
    const space = entry.indexOf(0x20);
    const time = entry.toString('latin1', 0, space === -1 ? 0 : space);
    let text = entry.subarray(space + 1);
    const whole = text.at(-1) === newline;
    if (whole) text = text.subarray(0, -1);
    if (time !== this.#rawTime || this.#bytes + text.length > longestLineBytes) yield* this.flush();
    this.#rawTime = time;
    this.#parts.push(text);
    this.#bytes += text.length;
    if (whole || text.length < enginePartBytes) yield* this.flush();
  }

  *flush(): Generator<ContainerLogLine> {
    if (this.#rawTime === '') return;
    let text = this.#parts.length === 1 ? (this.#parts[0] as Buffer) : Buffer.concat(this.#parts);
    if (text.at(-1) === carriageReturn) text = text.subarray(0, -1);
    const rawTime = this.#rawTime;
    this.#rawTime = '';
    this.#parts = [];
    this.#bytes = 0;
    yield { at: new Date(rawTime), rawTime, stream: this.#stream, text: text.toString('utf8') };
  }
}

const timestamp = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z /;
const timestampBytes = 31;

/**
 * Splits one line of a terminal's log into its entries. With a terminal the engine sends no frames: the parts of a long line
 * follow each other on one line, each with its timestamp. All but the last have the engine's part size. The last one ends
 * before a carriage return and a timestamp (its newline is lost, see above). A timestamp that a program wrote into a line
 * of normal length does not count.
 */
export function splitTerminalLine(line: Buffer): readonly Buffer[] {
  const entries: Buffer[] = [];
  let from = 0;
  let afterPart = false;
  for (;;) {
    const part = from + timestampBytes + enginePartBytes;
    const isPart = hasTimestamp(line, part);
    const next = isPart ? part : afterPart ? nextTimestamp(line, from + timestampBytes) : -1;
    if (next === -1) {
      entries.push(line.subarray(from));
      return entries;
    }
    entries.push(line.subarray(from, next));
    from = next;
    afterPart = isPart;
  }
}

function hasTimestamp(line: Buffer, at: number): boolean {
  return at + timestampBytes <= line.length && timestamp.test(line.toString('latin1', at, at + timestampBytes));
}

function nextTimestamp(line: Buffer, from: number): number {
  for (let at = line.indexOf(carriageReturn, from); at !== -1; at = line.indexOf(carriageReturn, at + 1)) {
    if (hasTimestamp(line, at + 1)) return at + 1;
  }
  return -1;
}
