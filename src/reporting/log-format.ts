import { type LogLine, type LogSource, logSources } from '../domain/log-line.ts';

/** A line with the facts that it takes to resume a container's log. */
export interface StoredLine extends LogLine {
  /** The moment as it was given, to the nanosecond when the engine gave it. */
  readonly rawTime: string;
  /** The first 12 digits of the id of the container that wrote the line. Null for the platform's own lines. */
  readonly origin: string | null;
}

/** Heroku's limit: a longer line is continued on the next (contracts/heroku.md 3.3). */
export const maxLineBytes = 10_000;

const sources: ReadonlySet<string> = new Set(logSources);

/**
 * One line of a segment: six fields with a space between them, the text last, so that nothing is escaped and an
 * operator can grep: `2026-11-22T10:47:34.123456789Z app web.1 12 4f9a0c11d2e3 GET / 200`. A missing field is `-`.
 */
export function encodeLine({ rawTime, source, process, release, origin, text }: StoredLine): string {
  return `${rawTime} ${source} ${process} ${release ?? '-'} ${origin ?? '-'} ${text}\n`;
}

/** Null for an incomplete line: the end of a write that a crash cut off. */
export function decodeLine(line: string): StoredLine | null {
  const fields: string[] = [];
  let from = 0;
  while (fields.length < 5) {
    const space = line.indexOf(' ', from);
    if (space === -1) return null;
    fields.push(line.slice(from, space));
    from = space + 1;
  }
  const [rawTime = '', source = '', process = '', release = '', origin = ''] = fields;
  const at = new Date(rawTime);
  if (!sources.has(source) || Number.isNaN(at.getTime())) return null;
  return {
    at,
    source: source as LogSource,
    process,
    release: release === '-' ? null : Number(release),
    text: line.slice(from),
    rawTime,
    origin: origin === '-' ? null : origin,
  };
}

/** The text as lines of at most `maxLineBytes`, cut between characters. */
export function splitText(text: string): readonly string[] {
  // A UTF-16 unit is at most three bytes of UTF-8.
  if (text.length * 3 <= maxLineBytes && !text.includes('\n')) return [text];
  return text.split('\n').flatMap(splitLine);
}

function splitLine(line: string): readonly string[] {
  if (line.length * 3 <= maxLineBytes) return [line];
  const bytes = Buffer.from(line);
  const pieces: string[] = [];
  let from = 0;
  while (bytes.length - from > maxLineBytes) {
    let to = from + maxLineBytes;
    // Not in the middle of a character: its bytes after the first are 10xxxxxx.
    while (((bytes[to] ?? 0) & 0xc0) === 0x80) to -= 1;
    pieces.push(bytes.toString('utf8', from, to));
    from = to;
  }
  pieces.push(bytes.toString('utf8', from));
  return pieces;
}

/** Makes the stored form of one of the platform's own lines. */
export function toStored(line: LogLine): StoredLine {
  return { ...line, rawTime: line.at.toISOString(), origin: null };
}

/** The line as readers of the log get it. */
export function toLogLine({ at, source, process, release, text }: StoredLine): LogLine {
  return { at, source, process, release, text };
}
