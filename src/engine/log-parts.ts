import type { ContainerLogLine } from '../domain/engine.ts';

/** A line longer than this is delivered in pieces: nobody may fill our memory with one line. */
export const longestLineBytes = 64 * 1024;
/** The engine's own: what a container writes without a newline is stored in parts of this size. */
const enginePartBytes = 16 * 1024;
const newline = 0x0a;
const carriageReturn = 0x0d;

/** Joins the parts in which the engine keeps a long line. Each record is `<timestamp> <text>`, and ends with a newline when it is the last part. */
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
    const last = text.at(-1) === newline;
    if (last) text = text.subarray(0, -1);
    if (this.#bytes + text.length > longestLineBytes) yield* this.flush();
    if (this.#rawTime === '') this.#rawTime = time;
    this.#parts.push(text);
    this.#bytes += text.length;
    if (last) yield* this.flush();
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
 * The records of one line of a terminal's log. There the engine sends no frames, so the parts of a long line follow each
 * other on the line, each of the engine's part size and each with its own timestamp.
 */
export function splitTerminalLine(line: Buffer): readonly Buffer[] {
  const records: Buffer[] = [];
  let from = 0;
  for (;;) {
    const next = from + timestampBytes + enginePartBytes;
    if (next + timestampBytes > line.length || !timestamp.test(line.toString('latin1', next, next + timestampBytes))) {
      records.push(line.subarray(from));
      return records;
    }
    records.push(line.subarray(from, next));
    from = next;
  }
}
