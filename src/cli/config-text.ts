import { usageError } from './errors.ts';

export type Var = readonly [name: string, value: string];

export function sorted(vars: Readonly<Record<string, string>>): readonly Var[] {
  return Object.entries(vars).sort(([a], [b]) => (a < b ? -1 : 1));
}

/** Lines of the form `NAME='value'`. A POSIX shell that evaluates them gets the same bytes. */
export function shellLines(vars: readonly Var[]): string {
  return vars.map(([name, value]) => `${name}='${value.replaceAll("'", `'\\''`)}'`).join('\n');
}

/** Parses `A=1 B=x=y` as typed: everything after the first `=` is the value. */
export function parseAssignments(words: readonly string[]): Readonly<Record<string, string>> {
  return Object.fromEntries(
    words.map((word) => {
      const at = word.indexOf('=');
      // Only its start is printed: it may be a secret whose name was forgotten.
      if (at < 1) throw usageError(`${word.slice(0, 20)} is invalid. Must be in the format FOO=bar.`);
      return [word.slice(0, at), word.slice(at + 1)];
    }),
  );
}
