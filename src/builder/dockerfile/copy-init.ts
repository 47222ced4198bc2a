import { initPath, initSourcePath, initTag } from '../init/init.ts';
import { instructionsOf } from './instructions.ts';

/** The instruction that puts the init into the image. It stands first in the last stage, which cannot end it half way. */
export const copyInit = `COPY --from=${initTag} ${initSourcePath} ${initPath}`;

/** The name of the last stage in BuildKit's names of its steps (`[stage-1 2/4] RUN …`); empty for a single stage without one. */
export function lastStageOf(dockerfile: string): string {
  const lines = dockerfile.split('\n');
  const froms = instructionsOf(lines).filter(({ keyword }) => keyword === 'FROM');
  const last = froms.at(-1);
  const text = last ? lines.slice(last.firstLine, last.lastLine + 1).join(' ') : '';
  const name = /\sAS\s+([\w.-]+)\s*$/i.exec(text.trimEnd())?.[1];
  return name?.toLowerCase() ?? (froms.length > 1 ? `stage-${froms.length - 1}` : '');
}

/** A line of the build's output as it is without the added step; null for the line of that step. */
export function withoutInit(line: string, lastStage: string): string | null {
  if (line.includes(copyInit) || (line.startsWith('FROM ') && line.includes(initTag))) return null;
  const [all = '', stage = '', space = '', step, steps] = /^\[(?:([\w.-]+)( +)| *)(\d+)\/(\d+)\] /.exec(line) ?? [];
  // The images that the platform adds count as stages, so the author's only stage gets a name.
  const isOnly = lastStage === '' && (stage === '' || stage === 'stage-0');
  if (step === undefined || steps === undefined || !(isOnly || stage === lastStage)) return line;
  const number = Number(step) > 1 ? Number(step) - 1 : 1;
  return `[${isOnly ? '' : stage + space}${number}/${Number(steps) - 1}] ${line.slice(all.length)}`;
}
