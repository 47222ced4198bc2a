import { execFileSync } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { resolve } from 'node:path';

export const checkout = resolve(import.meta.dirname, '../..');

export interface SourceFile {
  /** From the top of the checkout, with slashes. */
  readonly path: string;
  readonly text: string;
  readonly mode: number;
}

/** Every text file of the repository, even if not committed yet, except those in .gitignore. */
export function repositoryFiles(): readonly SourceFile[] {
  const args = ['ls-files', '-z', '--cached', '--others', '--exclude-standard'];
  const names = new Set(execFileSync('git', args, { cwd: checkout, encoding: 'utf8' }).split('\0'));
  return [...names].sort().flatMap((path) => {
    const file = path === '' ? null : readFile(resolve(checkout, path));
    return file === null || file.text.includes('\0') ? [] : [{ path, ...file }];
  });
}

export interface Import {
  readonly file: string;
  /** As written: `node:fs`, `zod`, `../domain/app.ts`. */
  readonly specifier: string;
  /** For a relative import: the imported file, from the top of the checkout. */
  readonly target: string | null;
  readonly names: string;
  /** Removed by type stripping. */
  readonly isTypeOnly: boolean;
  /** Loaded only when the program reaches it. */
  readonly isDynamic: boolean;
}

/** Static, dynamic, type-only and re-exporting imports alike. */
export function importsOf({ path, text }: Pick<SourceFile, 'path' | 'text'>): readonly Import[] {
  const statement =
    /(?:^|[;{}\s])(?:(?:import|export)\s+(type\s+)?([\w*\s{},$]*?)\s*from\s*|import\s+|import\s*\(\s*|require\s*\(\s*)(['"])([^'"\n]+)\3/g;
  return [...withoutComments(text).matchAll(statement)].map((match) => {
    const specifier = match[4] ?? '';
    const target = specifier.startsWith('.') ? resolve('/', path, '..', specifier).slice(1) : null;
    const isDynamic = match[0].includes('(');
    return { file: path, specifier, target, names: match[2] ?? '', isTypeOnly: match[1] !== undefined, isDynamic };
  });
}

/** Removes comments, which may show forbidden code. Strings stay, so a `//` inside a string must not start a comment. */
export function withoutComments(text: string): string {
  return text.replace(
    /("(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`)|\/\*[\s\S]*?\*\/|\/\/[^\n]*/g,
    (_, quoted: string | undefined) => quoted ?? ' ',
  );
}

function readFile(path: string): { readonly text: string; readonly mode: number } | null {
  try {
    return { text: readFileSync(path, 'utf8'), mode: statSync(path).mode & 0o777 };
  } catch {
    // Deleted and not committed yet.
    return null;
  }
}
