import { instructionsOf } from './instructions.ts';

// The engine reads the rewritten Dockerfile out of the context, so a COPY of everything would copy it in place of the
// author's, and even if .dockerignore leaves it out: without a session, BuildKit applies no .dockerignore. So the source lies
// in a folder of the context, a first stage has that folder's files, and each COPY copies from that stage.

/** The name of the stage, and of the folder. */
export const contextName = 'paas-context';

export interface Staged {
  readonly text: string;
  /** The line before the change, both counted from 1. */
  readonly lineBefore: (line: number) => number;
}

/** Null if an instruction reads the context in another way than COPY does: ADD, a bind mount, a stage by its number. */
export function copyFromStage(text: string): Staged | null {
  const lines = text.split('\n');
  const instructions = instructionsOf(lines);
  const first = instructions.find(({ keyword }) => keyword === 'FROM')?.firstLine;
  if (first === undefined) return null;
  for (const { keyword, firstLine, headLine } of instructions) {
    const whole = lines.slice(firstLine, headLine + 1).join('\n');
    const bindsContext = /--mount=(?!\S*\bfrom=)(?!\S*\btype=(?:cache|secret|ssh|tmpfs)\b)/.test(whole);
    if (keyword === 'ADD' || /\bfrom=\d/.test(whole) || (keyword === 'RUN' && bindsContext)) return null;
    if (keyword !== 'COPY' || whole.includes('--from=')) continue;
    if (whole.includes('<<')) return null;
    lines[firstLine] = (lines[firstLine] ?? '').replace(/^(\s*\S+)/, `$1 --from=${contextName}`);
  }
  lines.splice(first, 0, `FROM scratch AS ${contextName}`, `COPY ${contextName}/ /`);
  return { text: lines.join('\n'), lineBefore: (line) => (line > first + 2 ? line - 2 : Math.min(line, first + 1)) };
}

/** A line of the build's output without the change; null for a line that exists only because of it. */
export function withoutStage(line: string): string | null {
  if (line.startsWith(`[${contextName} `)) return null;
  return line
    .replaceAll(` --from=${contextName}`, '')
    .replace(/^\[stage-(\d+) /, (_, stage: string) => `[stage-${Number(stage) - 1} `);
}

/** Whether a step copies from the context itself: the ONBUILD of a base image, which no change of the text reaches. */
export function readsContext(line: string): boolean {
  return /^\[[^\]]*\] (?:COPY|ADD) (?!.*--from=)/.test(line) && !line.startsWith(`[${contextName} `);
}
