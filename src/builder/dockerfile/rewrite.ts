import { syntaxLines } from './front-end.ts';
import { instructionsOf } from './instructions.ts';

/** What every RUN gets to see beside its image, and no layer keeps. */
export interface BuildTimeTrust {
  /** An image with the host's certificates in it. */
  readonly image: string;
  /** Where in that image, and where in a RUN. */
  readonly sourcePath: string;
  readonly targetPath: string;
  /** Build arguments of every stage. Their values are not for the file: it is copied into images. */
  readonly args: readonly string[];
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

function mountFlag({ image, sourcePath, targetPath }: BuildTimeTrust): string {
  return `--mount=type=bind,from=${image},source=${sourcePath},target=${targetPath}`;
}

/** A line of the build's output as it would be without what was added; null for one that would not be. */
export function withoutTrust(line: string, trust: BuildTimeTrust | null): string | null {
  if (!trust) return line;
  if (/^(\[[^\]]*\] )?FROM /.test(line) && line.includes(trust.image)) return null;
  return line.replaceAll(`${mountFlag(trust)} `, '');
}

/**
 * The Dockerfile as the engine gets it: what its author wrote, with the host's certificates mounted in every RUN and
 * named in build arguments, which live for the build only. A file that its RUNs cannot be found in stays as it is.
 */
export function rewriteDockerfile(text: string, { trust, dropSyntax }: RewriteOptions): Rewritten {
  const lines = text.split('\n');
  // A line of its own stays, so that the engine counts lines as the author does.
  if (dropSyntax) for (const { line } of syntaxLines(text)) lines[line] = '#';
  const added = new Map<number, string>();
  if (trust) {
    const mount = mountFlag(trust);
    for (const { keyword, firstLine, lastLine } of instructionsOf(lines)) {
      if (keyword === 'RUN') lines[firstLine] = (lines[firstLine] ?? '').replace(/^(\s*\S+)/, `$1 ${mount}`);
      // After a FROM, because arguments end with their stage.
      if (keyword === 'FROM')
        for (const name of trust.args) added.set(lastLine, `${added.get(lastLine) ?? ''}\nARG ${name}`);
    }
  }
  const perFrom = trust?.args.length ?? 0;
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
