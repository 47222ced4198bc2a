import { directivesOf, instructionsOf } from './instructions.ts';

/** What every RUN gets to see beside its image, and no layer keeps. */
export interface BuildTimeTrust {
  /** An image with the host's certificates in it. */
  readonly image: string;
  /** Where in that image, and where in a RUN. */
  readonly sourcePath: string;
  readonly targetPath: string;
  readonly env: Readonly<Record<string, string>>;
}

export interface RewriteOptions {
  /** Null: the host has nothing of its own that a build would need. */
  readonly trust: BuildTimeTrust | null;
  /** Takes the `# syntax=` line out: the engine's own front end reads the rest. */
  readonly dropSyntax: boolean;
}

export interface Rewritten {
  readonly text: string;
  /** The line of the author's file for a line of ours, both counted from 1. */
  readonly originalLine: (line: number) => number;
}

/**
 * The Dockerfile as the engine gets it: what its author wrote, with the host's certificates mounted in every RUN and
 * named in build arguments, which live for the build only. A file that its RUNs cannot be found in stays as it is.
 */
export function rewriteDockerfile(text: string, { trust, dropSyntax }: RewriteOptions): Rewritten {
  const lines = text.split('\n');
  const syntax = directivesOf(lines).find(({ name }) => name === 'syntax');
  // A line of its own stays, so that the engine counts lines as the author does.
  if (dropSyntax && syntax) lines[syntax.line] = '#';
  const added = new Map<number, string>();
  if (trust) {
    const mount = `--mount=type=bind,from=${trust.image},source=${trust.sourcePath},target=${trust.targetPath}`;
    const names = Object.entries(trust.env).map(([name, value]) => `${name}=${JSON.stringify(value)}`);
    for (const { keyword, firstLine, lastLine } of instructionsOf(lines)) {
      if (keyword === 'RUN') lines[firstLine] = (lines[firstLine] ?? '').replace(/^(\s*\S+)/, `$1 ${mount}`);
      // After a FROM, because arguments end with their stage.
      if (keyword === 'FROM')
        for (const name of names) added.set(lastLine, `${added.get(lastLine) ?? ''}\nARG ${name}`);
    }
  }
  const perFrom = trust ? Object.keys(trust.env).length : 0;
  const froms = [...added.keys()].sort((a, b) => a - b);
  return {
    text: lines.map((line, index) => line + (added.get(index) ?? '')).join('\n'),
    originalLine: (line) => {
      let original = line;
      for (const from of froms) if (original > from + 1) original = Math.max(from + 1, original - perFrom);
      return original;
    },
  };
}

export function hasSyntaxLine(text: string): boolean {
  return directivesOf(text.split('\n')).some(({ name }) => name === 'syntax');
}
