import type { ContainerLogLine } from '../domain/engine.ts';

/** A line longer than this is delivered in pieces: nobody may fill our memory with one line. */
const longestLineBytes = 64 * 1024;
/** The engine's own: what a container writes without a newline is stored in parts of this size. */
const enginePartBytes = 16 * 1024;
const newline = 0x0a;
const carriageReturn = 0x0d;

/**
 * Joins the parts in which the engine keeps a long line. Each record is `<timestamp> <text>`, and all parts of a line have
 * one timestamp. The last part should end with a newline, but the `local` log driver of 20.10 loses that one: so a part
 * that is shorter than the engine's size ends the line too.
 */
export class LogParts {
  readonly #stream: ContainerLogLine['stream'];
  #rawTime = '';
  #parts: Buffer[] = [];
  #bytes = 0;

  constructor(stream: ContainerLogLine['stream']) {
    this.#stream = stream;
  }

  *add(record: Buffer): Generator<ContainerLogLine> {
    const space = record.indexOf(0x20);
    const time = record.toString('latin1', 0, space === -1 ? 0 : space);
    let text = record.subarray(space + 1);
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
 * The records of one line of a terminal's log. There the engine sends no frames: the parts of a long line follow each
 * other on the line, each with its timestamp. A part is of the engine's size, and what comes after such a part ends where
 * a carriage return and a timestamp follow (its newline is lost, see above). A timestamp that a program wrote into a line
 * of common length is not taken for one of the engine's.
 */
export function splitTerminalLine(line: Buffer): readonly Buffer[] {
  const records: Buffer[] = [];
  let from = 0;
  let afterPart = false;
  for (;;) {
    const part = from + timestampBytes + enginePartBytes;
    const isPart = hasTimestamp(line, part);
    const next = isPart ? part : afterPart ? nextTimestamp(line, from + timestampBytes) : -1;
    if (next === -1) {
      records.push(line.subarray(from));
      return records;
    }
    records.push(line.subarray(from, next));
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
