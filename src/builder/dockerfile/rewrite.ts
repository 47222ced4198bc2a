import { withoutInit } from './copy-init.ts';
import { syntaxLines } from './front-end.ts';
import { instructionsOf } from './instructions.ts';

/** The host's certificates and build arguments for every RUN. No layer keeps them. */
export interface BuildTimeTrust {
  /** An image with the host's certificates in it. */
  readonly image: string;
  /** The path in that image, and the path in a RUN. */
  readonly sourcePath: string;
  readonly targetPath: string;
  /** Names of build arguments for every stage. Their values are not put into the Dockerfile, which may be copied into images. */
  readonly args: readonly string[];
}

export interface RewriteOptions {
  /** Null when the host has no certificates of its own. */
  readonly trust: BuildTimeTrust | null;
  /** An instruction for the beginning of the last stage. */
  readonly inLastStage?: string;
  /** Removes the `# syntax=` line, so that the engine's own front end reads the file. */
  readonly dropSyntax: boolean;
}

export interface Rewritten {
  readonly text: string;
  /** The author's line for a line of the rewritten file, both counted from 1. */
  readonly originalLine: (line: number) => number;
}

function mountFlag({ image, sourcePath, targetPath }: BuildTimeTrust): string {
  return `--mount=type=bind,from=${image},source=${sourcePath},target=${targetPath}`;
}

/** A line of the build's output without what the rewrite added; null for a line that exists only because of it. */
export function withoutAdditions(
  line: string,
  { trust, lastStage }: { readonly trust: BuildTimeTrust | null; readonly lastStage: string },
): string | null {
  const shown = withoutTrust(line, trust);
  return shown === null ? null : withoutInit(shown, lastStage);
}

function withoutTrust(line: string, trust: BuildTimeTrust | null): string | null {
  if (!trust) return line;
  if (/^(\[[^\]]*\] )?FROM /.test(line) && line.includes(trust.image)) return null;
  return line.replaceAll(`${mountFlag(trust)} `, '');
}

/**
 * The Dockerfile for the engine: the author's, with the host's certificates mounted in every RUN and named in build
 * arguments, which exist only during the build, and with one more instruction in its last stage.
 */
export function rewriteDockerfile(text: string, { trust, inLastStage, dropSyntax }: RewriteOptions): Rewritten {
  const lines = text.split('\n');
  // The line stays as an empty comment, so that the engine's line numbers are the author's.
  if (dropSyntax) for (const { line } of syntaxLines(text)) lines[line] = '#';
  const added = new Map<number, readonly string[]>();
  const add = (at: number, ...more: readonly string[]) => {
    if (more.length > 0) added.set(at, [...(added.get(at) ?? []), ...more]);
  };
  const instructions = instructionsOf(lines);
  const lastFrom = instructions.findLast(({ keyword }) => keyword === 'FROM');
  if (lastFrom && inLastStage) add(lastFrom.lastLine, inLastStage);
  if (trust) {
    const mount = mountFlag(trust);
    for (const { keyword, firstLine, lastLine } of instructions) {
      if (keyword === 'RUN') lines[firstLine] = (lines[firstLine] ?? '').replace(/^(\s*\S+)/, `$1 ${mount}`);
      // After a FROM, because arguments end with their stage.
      if (keyword === 'FROM') add(lastLine, ...trust.args.map((name) => `ARG ${name}`));
    }
  }
  const places = [...added].sort(([a], [b]) => a - b);
  return {
    text: lines.flatMap((line, index) => [line, ...(added.get(index) ?? [])]).join('\n'),
    originalLine: (line) => {
      let original = line;
      for (const [at, { length }] of places) if (original > at + 1) original = Math.max(at + 1, original - length);
      return original;
    },
  };
}
