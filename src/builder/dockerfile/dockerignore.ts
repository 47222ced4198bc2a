import { coversPath } from '../glob.ts';

interface Rule {
  readonly pattern: string;
  readonly keeps: boolean;
}

/** What a .dockerignore leaves out of the build context. Source: Docker's reference, ".dockerignore file". */
export class DockerIgnore {
  readonly #rules: readonly Rule[];

  constructor(text: string) {
    this.#rules = text
      .replace(/^\uFEFF/, '')
      .split(/\r?\n/)
      .filter((line) => line.trim() !== '' && !line.startsWith('#'))
      .map((line) => line.trim())
      .map((line) => ({ keeps: line.startsWith('!'), pattern: line.replace(/^!\s*/, '') }))
      .map(({ keeps, pattern }) => ({ keeps, pattern: cleaned(pattern) }))
      .filter(({ pattern }) => pattern !== '');
  }

  /** The last rule that matches counts; one that matches a folder counts for all below it. */
  leavesOut(path: string): boolean {
    return this.#rules.findLast(({ pattern }) => coversPath(path, pattern))?.keeps === false;
  }
}

/** As Go's filepath.Clean: no slash at either end, no `.`, and `..` takes a name back. */
function cleaned(pattern: string): string {
  const names: string[] = [];
  for (const name of pattern.split('/')) {
    if (name === '..') names.pop();
    else if (name !== '' && name !== '.') names.push(name);
  }
  return names.join('/');
}
