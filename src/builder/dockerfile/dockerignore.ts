import { PlatformError } from '../../domain/errors.ts';
import { coversPath, type PathPattern, parsePattern } from '../glob.ts';

/** Every path of the source is compared with every pattern. */
const maxPatterns = 1_000;

interface Rule {
  readonly pattern: PathPattern;
  readonly keeps: boolean;
}

/** The rules of a .dockerignore. Throws `build_failed` for more than 1,000 patterns. Source: Docker's reference, ".dockerignore file". */
export class DockerIgnore {
  readonly #rules: readonly Rule[];

  constructor(text: string) {
    this.#rules = text
      .replace(/^\uFEFF/, '')
      .split(/\r?\n/)
      .filter((line) => line.trim() !== '' && !line.startsWith('#'))
      .map((line) => line.trim())
      .map((line) => ({ keeps: line.startsWith('!'), pattern: line.replace(/^!\s*/, '') }))
      .map(({ keeps, pattern }) => ({ keeps, pattern: parsePattern(cleaned(pattern)) }))
      .filter(({ pattern }) => pattern.length > 0);
    if (this.#rules.length > maxPatterns) {
      throw new PlatformError(
        'build_failed',
        `.dockerignore has ${this.#rules.length} patterns, and ${maxPatterns} is the limit.`,
        { hint: 'One pattern can name many files, for example: **/*.log' },
      );
    }
  }

  /** The last rule that matches decides. A rule that matches a folder applies to all below it. */
  leavesOut(path: string): boolean {
    return this.#rules.findLast(({ pattern }) => coversPath(path, pattern))?.keeps === false;
  }
}

/** As Go's filepath.Clean: no slash at either end, no `.`, and `..` removes the name before it. */
function cleaned(pattern: string): string {
  const names: string[] = [];
  for (const name of pattern.split('/')) {
    if (name === '..') names.pop();
    else if (name !== '' && name !== '.') names.push(name);
  }
  return names.join('/');
}
