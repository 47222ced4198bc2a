import type { Var } from './config-text.ts';

export interface BadLine {
  readonly line: number;
  /** A sentence that goes on after `Line 3`. It has nothing of the line, which may be a secret. */
  readonly reason: string;
}

export interface EnvText {
  /** In the order of the text; of a name that is set twice only the last value. */
  readonly vars: readonly Var[];
  readonly bad: readonly BadLine[];
  /** Names that are set more than once, with the lines. */
  readonly repeated: readonly { readonly name: string; readonly lines: readonly number[] }[];
  /** Names whose value has a `${NAME}`, a `$(command)` or the `$NAME` of another line, where other readers expand it. */
  readonly unexpanded: readonly string[];
}

/**
 * Parses the text of a .env file: `NAME=value` lines, with the quotes, comments and `export` that people write there. What
 * `paas config --shell` prints is read back byte for byte. Pure.
 *
 * - Without quotes a value ends at the line's end or before a blank and `#`. All other characters are as they stand.
 * - Single quotes and backticks: everything is as it stands, line breaks too. As in a shell, `'it'\''s'` is one value.
 * - Double quotes: `\n`, `\r`, `\"`, `\\`, `\$`, `\!` and `` \` `` are one character, as `heroku config -s` writes them; other
 *   backslashes stay. `$` has no effect.
 * - In a text with CRLF line ends, the line breaks of a value are LF.
 */
export function parseEnvText(text: string): EnvText {
  const parsed = parse(text);
  return parsed.endsOfLines === 'crlf' ? parse(text.replaceAll('\r\n', '\n')).found : parsed.found;
}

interface Assignment {
  readonly name: string;
  readonly value: string;
  /** What of the value other readers expand: nothing of single quotes and backticks, and no `\$`. */
  readonly expandable: string;
  readonly line: number;
}

function parse(text: string): { readonly found: EnvText; readonly endsOfLines: 'crlf' | 'lf' | 'mixed' | null } {
  const assignments: Assignment[] = [];
  const bad: BadLine[] = [];
  const ends = new Set<'crlf' | 'lf'>();
  for (let at = 0, line = 1; at < text.length; ) {
    const { next, ...entry } = readEntry(text, at, line);
    if ('name' in entry) assignments.push(entry);
    if ('reason' in entry) bad.push(entry);
    if (text[next - 1] === '\n') ends.add(text[next - 2] === '\r' ? 'crlf' : 'lf');
    line += countLineBreaks(text.slice(at, next));
    at = next;
  }
  const [first = null, second] = ends;
  return { found: { ...merged(assignments), bad }, endsOfLines: second === undefined ? first : 'mixed' };
}

function merged(assignments: readonly Assignment[]): Omit<EnvText, 'bad'> {
  const values = new Map(assignments.map(({ name, value }) => [name, value]));
  const lines = Map.groupBy(assignments, ({ name }) => name);
  const repeated = [...lines].flatMap(([name, all]) =>
    all.length > 1 ? [{ name, lines: all.map(({ line }) => line) }] : [],
  );
  const last = new Map(assignments.map((assignment) => [assignment.name, assignment]));
  const unexpanded = [...last.values()].filter(({ expandable }) => refers(expandable, values)).map(({ name }) => name);
  return { vars: [...values], repeated, unexpanded };
}

/** Passwords have a $ too, so a plain `$NAME` counts only if the text sets NAME. */
function refers(expandable: string, names: ReadonlyMap<string, unknown>): boolean {
  if (/\$(?:\(|\{[A-Za-z_])/.test(expandable)) return true;
  return [...expandable.matchAll(/\$([A-Za-z_][A-Za-z0-9_]*)/g)].some(([, name = '']) => names.has(name));
}

const escaped = /\\./gs;

/** What begins on a line: an assignment, a line that cannot be read, or nothing. `next` is the start of the next line. */
type Entry = { readonly next: number } & (Assignment | BadLine | object);

/** The colon is for `NAME: value`, as YAML and `paas config` write it. */
const beforeValue = /[ \t]*(?:export[ \t]+)?([A-Za-z_][A-Za-z0-9_]*)(?:[ \t]*=|:(?=[ \t]))/y;
const afterValue = /^[ \t]*(?:[ \t]#.*)?\r?$/;

function readEntry(text: string, at: number, line: number): Entry {
  const end = endOfLine(text, at);
  const content = text.slice(at, end);
  const next = end + 1;
  if (/^\s*(?:#|$)/.test(content)) return { next };
  beforeValue.lastIndex = at;
  const name = beforeValue.exec(text)?.[1];
  if (name === undefined) return { next, line, reason: whyNotAnAssignment(content) };
  const start = beforeValue.lastIndex;
  const quote = start + (/^[ \t]*/.exec(text.slice(start, end))?.[0].length ?? 0);
  if (/^['"`]/.test(text[quote] ?? '')) return readQuoted(text, { quote, name, line });
  const value = (text.slice(start, end).split(/[ \t]#/, 1)[0] ?? '').replace(/^[ \t]+|[ \t\r]+$/g, '');
  if (value.includes('\r')) return { next, line, reason: 'holds a carriage return. Put the value in quotes.' };
  return { next, ...checked({ name, value, expandable: value.replace(escaped, ''), line }) };
}

/** Reads a value of one or more quoted parts without anything in between, from its first quote on. */
function readQuoted(
  text: string,
  { quote, name, line }: { readonly quote: number; readonly name: string; readonly line: number },
): Entry {
  let [value, expandable] = ['', ''];
  let at = quote;
  for (;;) {
    const mark = text[at];
    if (mark === '\\' && text[at + 1] === "'" && at > quote) {
      value += "'";
      at += 2;
    } else if (mark === "'" || mark === '"' || mark === '`') {
      const close = closingQuote(text, at);
      if (close === null) {
        const opened = line + countLineBreaks(text.slice(quote, at));
        return { next: text.length, line: opened, reason: `opens a quote ${mark} that is never closed.` };
      }
      const inside = text.slice(at + 1, close);
      value += mark === '"' ? inside.replace(/\\([nr"\\$`!])/g, unescaped) : inside;
      if (mark === '"') expandable += inside.replace(escaped, '');
      at = close + 1;
    } else {
      break;
    }
  }
  const end = endOfLine(text, at);
  const next = end + 1;
  if (afterValue.test(text.slice(at, end))) return { next, ...checked({ name, value, expandable, line }) };
  const breaks = countLineBreaks(text.slice(quote, at));
  const where = breaks === 0 ? '' : ` of the value that begins on line ${line}`;
  return { next, line: line + breaks, reason: `goes on after the closing quote${where}.` };
}

function closingQuote(text: string, at: number): number | null {
  const mark = text[at] ?? '';
  if (mark !== '"') {
    const close = text.indexOf(mark, at + 1);
    return close < 0 ? null : close;
  }
  for (let i = at + 1; i < text.length; i++) {
    if (text[i] === '\\') i += 1;
    else if (text[i] === '"') return i;
  }
  return null;
}

function unescaped(_: string, letter: string): string {
  return letter === 'n' ? '\n' : letter === 'r' ? '\r' : letter;
}

function checked(assignment: Assignment): Assignment | BadLine {
  const { value, line } = assignment;
  if (!value.includes('\0')) return assignment;
  return { line, reason: 'holds a NUL byte. If the file is UTF-16, save it as UTF-8.' };
}

function whyNotAnAssignment(content: string): string {
  if (content.includes('\0')) return 'holds a NUL byte. If the file is UTF-16, save it as UTF-8.';
  if (!content.includes('=')) return 'has no =.';
  return 'has no name before its =: a name has letters, digits and _, and does not begin with a digit.';
}

function endOfLine(text: string, at: number): number {
  const end = text.indexOf('\n', at);
  return end < 0 ? text.length : end;
}

function countLineBreaks(text: string): number {
  return text.split('\n').length - 1;
}
