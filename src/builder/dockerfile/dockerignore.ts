import { PlatformError } from '../../domain/errors.ts';
import { shownName } from '../../domain/file-name.ts';
import { coversPath, isWellFormedPattern, type PathPattern, parsePattern } from '../glob.ts';

/** Every path of the source is compared with every pattern. */
const maxPatterns = 1_000;

interface Rule {
  /** Any of them. */
  readonly patterns: readonly PathPattern[];
  readonly keeps: boolean;
}

/**
 * The rules of a .dockerignore, as Docker reads them (moby's builder/dockerignore and patternmatcher). Throws
 * `build_failed` with the line of a pattern that cannot be read, and for more than 1,000 patterns.
 */
export class DockerIgnore {
  readonly #rules: readonly Rule[];

  constructor(text: string, name: string) {
    this.#rules = text
      .replace(/^\uFEFF/, '')
      .split('\n')
      .flatMap((line, index) => ruleOf(line, `${name} line ${index + 1}`));
    const count = this.#rules.reduce((sum, { patterns }) => sum + patterns.length, 0);
    if (count > maxPatterns) {
      throw new PlatformError('build_failed', `${name} has ${count} patterns, and ${maxPatterns} is the limit.`, {
        hint: 'One pattern can name many files, for example: **/*.log',
      });
    }
  }

  /** The last rule that matches decides. A rule that matches a folder applies to all below it. */
  leavesOut(path: string): boolean {
    return this.#rules.findLast(({ patterns }) => patterns.some((one) => coversPath(path, one)))?.keeps === false;
  }
}

function ruleOf(line: string, where: string): readonly Rule[] {
  // A # after blanks is a name.
  if (line.startsWith('#')) return [];
  const trimmed = line.trim();
  const keeps = trimmed.startsWith('!');
  const pattern = clean((keeps ? trimmed.slice(1) : trimmed).trim());
  if (trimmed === '!' || !isWellFormedPattern(pattern)) {
    throw new PlatformError('build_failed', `${where} is not a pattern: "${shownName(trimmed.slice(0, 120))}"`, {
      hint:
        trimmed === '!' ? 'A ! stands before what is kept.' : 'A [ needs its ], and a \\ needs a character behind it.',
    });
  }
  // For historical reasons Docker ignores the top of the source and what is above it.
  if (pattern === '' || pattern === '..' || pattern.startsWith('../')) return [];
  return [{ keeps, patterns: alternatives(pattern).map(parsePattern) }];
}

/** As Go's filepath.Clean, and without the first slash: no `.`, no empty name, and `..` removes the name before it. */
function clean(pattern: string): string {
  const names: string[] = [];
  for (const name of pattern.split('/')) {
    if (name === '..' && names.length > 0 && names.at(-1) !== '..') names.pop();
    else if (name === '..' && !pattern.startsWith('/')) names.push(name);
    else if (name !== '' && name !== '.' && name !== '..') names.push(name);
  }
  return names.join('/');
}

// Docker's `**` may stand within a name: at the end it is any text, and elsewhere nothing or any text that ends in a slash.
// In patterns in which `**` is a whole name, `a**b` is `ab` or `a*/**/b`.
function alternatives(pattern: string): readonly string[] {
  // Before a plain end of a name, it is any text there.
  if (/^\*\*[^*?[\\/][^*?[\\]*$/.test(pattern)) return [`**/*${pattern.slice(2)}`];
  let found = [''];
  for (let at = 0; at < pattern.length; at++) {
    let next = pattern[at] ?? '';
    if (next === '\\') next += pattern[++at] ?? '';
    else if (next === '*' && pattern[at + 1] === '*') {
      at += pattern[at + 2] === '/' ? 2 : 1;
      const isLast = at + 1 >= pattern.length;
      found = found.flatMap((start) => {
        if (isLast) return [`${start}*`];
        return start === '' || start.endsWith('/') ? [`${start}**/`] : [start, `${start}*/**/`];
      });
      if (found.length > maxPatterns) return found;
      continue;
    }
    found = found.map((start) => start + next);
  }
  return found;
}
