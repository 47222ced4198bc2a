import { usageError } from './errors.ts';

export type Var = readonly [name: string, value: string];

export function sorted(vars: Readonly<Record<string, string>>): readonly Var[] {
  return Object.entries(vars).sort(([a], [b]) => (a < b ? -1 : 1));
}

/** `NAME='value'`, so that a POSIX shell that evaluates the lines has the same bytes. */
export function shellLines(vars: readonly Var[]): string {
  return vars.map(([name, value]) => `${name}='${value.replaceAll("'", `'\\''`)}'`).join('\n');
}

/** `A=1 B=x=y` as typed: all to the right of the first `=` is the value. */
export function parseAssignments(words: readonly string[]): Readonly<Record<string, string>> {
  return Object.fromEntries(
    words.map((word) => {
      const at = word.indexOf('=');
      // The word is not repeated whole: it may be a secret with its name forgotten.
      if (at < 1) throw usageError(`${word.slice(0, 20)} is invalid. Must be in the format FOO=bar.`);
      return [word.slice(0, at), word.slice(at + 1)];
    }),
  );
}
