/** An answer that breaks a rule of HTTP in a way that no recipient may repair. `rule` is for the log line. */
export class MalformedAnswer extends Error {
  readonly rule: string;

  constructor(rule: string) {
    super(rule);
    this.rule = rule;
  }
}

const shownLength = 40;

/** A part of an answer for the text of a rule. */
export function shown(text: string): string {
  return text.length > shownLength ? `${text.slice(0, shownLength)}…` : text;
}

/** In a value, and in a reason phrase. */
const notInText = /[^\t\x20-\x7e\x80-\xff]/;
const token = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const blanks = /^[ \t]+|[ \t]+$/g;
const lineFeed = '\n';

/**
 * The lines of a head or of trailers, without their ends. A line may end with a line feed alone (RFC 9112 2.2). Throws
 * `MalformedAnswer` for a carriage return anywhere else: some recipients end a line there, and others do not.
 */
export function linesOf(text: string): readonly string[] {
  const lines = text.split(lineFeed);
  for (let at = 0; at < lines.length; at += 1) {
    const line = lines[at] ?? '';
    const end = line.indexOf('\r');
    if (end === -1) continue;
    if (end !== line.length - 1) throw new MalformedAnswer('a carriage return inside a line (RFC 9112 2.2)');
    lines[at] = line.slice(0, end);
  }
  return lines;
}

/**
 * The fields in lines, from `first` to the empty line: names and values alternate. Repairs what a recipient may repair:
 * blanks around a name or a value, and a value that goes on in the next line, which becomes one line (RFC 9112 5). Lines
 * that begin with a blank before the first field are discarded (2.2).
 */
export function fieldsOf(lines: readonly string[], first: number): string[] {
  const fields: string[] = [];
  for (let at = first; at < lines.length; at += 1) {
    const line = lines[at] ?? '';
    if (line === '') break;
    if (line.startsWith(' ') || line.startsWith('\t')) {
      const more = textOf(line, 'a field value');
      const before = fields.pop();
      if (before !== undefined) fields.push(before === '' || more === '' ? before + more : `${before} ${more}`);
      continue;
    }
    const colon = line.indexOf(':');
    if (colon === -1) throw new MalformedAnswer('a field line without a colon (RFC 9112 5)');
    let name = line.slice(0, colon);
    if (!token.test(name)) name = name.replace(blanks, '');
    if (!token.test(name)) throw new MalformedAnswer('a field name that is no token (RFC 9110 5.1)');
    fields.push(name, textOf(line.slice(colon + 1), `the value of ${shown(name)}`));
  }
  return fields;
}

/** The text without blanks around it. Throws `MalformedAnswer` when it has a control character. */
export function textOf(text: string, what: string): string {
  if (notInText.test(text)) throw new MalformedAnswer(`a control character in ${what} (RFC 9110 5.5)`);
  return text.replace(blanks, '');
}
