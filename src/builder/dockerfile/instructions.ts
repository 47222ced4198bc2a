/** One instruction of a Dockerfile and its lines, counted from 0. */
export interface Instruction {
  /** In capitals: FROM, RUN. */
  readonly keyword: string;
  readonly firstLine: number;
  /** The last line before its here-documents. */
  readonly headLine: number;
  readonly lastLine: number;
}

/**
 * The instructions of a Dockerfile with their first and last lines, so that text can be added to them. Knows continued
 * lines, comments between them, the escape directive and here-documents. Source: Docker's Dockerfile reference.
 */
export function instructionsOf(lines: readonly string[]): readonly Instruction[] {
  const escapeMark = escapeCharacter(lines);
  const instructions: Instruction[] = [];
  let at = 0;
  while (at < lines.length) {
    const keyword = /^\s*([A-Za-z]+)(\s|$)/.exec(lines[at] ?? '')?.[1]?.toUpperCase();
    if (keyword === undefined) {
      at += 1;
      continue;
    }
    const firstLine = at;
    while (at < lines.length - 1 && isContinued(lines[at] ?? '', escapeMark, at === firstLine)) at += 1;
    const headLine = at;
    const text = lines.slice(firstLine, at + 1).join('\n');
    for (const delimiter of hereDocuments(keyword, text)) at = endOfHereDocument(lines, at + 1, delimiter);
    instructions.push({ keyword, firstLine, headLine, lastLine: Math.min(at, lines.length - 1) });
    at += 1;
  }
  return instructions;
}

interface Directive {
  readonly name: string;
  readonly value: string;
  readonly line: number;
}

/** `# syntax=…`, `# escape=…`: comments of this form at the top of the file. Anything else, also a plain comment, ends them. */
function directivesOf(lines: readonly string[]): readonly Directive[] {
  const directives: Directive[] = [];
  for (const [line, text] of lines.entries()) {
    const match = /^\s*#\s*([A-Za-z][\w-]*)\s*=\s*(\S.*)$/.exec(text.trimEnd());
    if (!match?.[1] || !match[2]) break;
    directives.push({ name: match[1].toLowerCase(), value: match[2], line });
  }
  return directives;
}

function escapeCharacter(lines: readonly string[]): string {
  return directivesOf(lines).find(({ name }) => name === 'escape')?.value === '`' ? '`' : '\\';
}

/** Comments and empty lines within an instruction do not end it. */
function isContinued(line: string, escapeMark: string, isFirst: boolean): boolean {
  if (!isFirst && (line.trim() === '' || line.trimStart().startsWith('#'))) return true;
  return line.trimEnd().endsWith(escapeMark);
}

function hereDocuments(keyword: string, text: string): readonly string[] {
  if (!['RUN', 'COPY', 'ADD'].includes(keyword)) return [];
  return [...text.matchAll(/<<-?\s*(["']?)([A-Za-z_]\w*)\1/g)].map((match) => match[2] ?? '');
}

function endOfHereDocument(lines: readonly string[], from: number, delimiter: string): number {
  const end = lines.findIndex((line, index) => index >= from && line.replace(/^\t+/, '') === delimiter);
  return end < 0 ? from - 1 : end;
}
