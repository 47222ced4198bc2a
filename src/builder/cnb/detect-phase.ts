import { PlatformError } from '../../domain/errors.ts';
import { throughLinks } from '../control-files.ts';
import { anyOf } from '../glob.ts';
import type { Source } from '../strategy.ts';
import { type Detected, type PlanOptions, parseBuildPlan, type Resolution, resolvePlan } from './build-plan.ts';
import type { Buildpack } from './buildpack.ts';
import type { Group, GroupMember } from './order-toml.ts';
import { buildpackEnv, type PhaseInputs } from './phase.ts';
import { buildpackDir, platformDir } from './platform-files.ts';

const noMatch = 100;
const planPath = '/workspace/plan.toml';
const outputPath = '/workspace/detect.log';
const shownOutput = 4000;

/** Groups that may apply, judged by the files that their buildpacks look for. A buildpack that names no files may always apply. */
export function candidateGroups(source: Source, order: readonly Group[]): readonly Group[] {
  const mayApply = ({ buildpack: { planning } }: GroupMember) => {
    if (planning === null) return true;
    const isLookedFor = anyOf(planning.detect);
    return (
      source.entries.some(({ path }) => isLookedFor(path)) || throughLinks(source.entries, isLookedFor, planning.detect)
    );
  };
  return order
    .map((group) => group.filter((member) => !member.optional || mayApply(member)))
    .filter((group) => group.length > 0 && group.every(mayApply));
}

/**
 * The first group whose required buildpacks all accept the source and whose build plans fit together. The output of
 * `bin/detect` is shown only when no group applies. Throws `no_app_detected`, or `build_failed` when a detect failed itself.
 * Source: Buildpack API, "Phase #1: Detection".
 */
export async function detectGroup(groups: readonly Group[], inputs: PhaseInputs): Promise<Resolution> {
  const seen = new Map<string, Outcome>();
  for (const group of groups) {
    const detected: Detected[] = [];
    let fits = true;
    for (const member of group) {
      const key = `${member.buildpack.id}@${member.buildpack.version}`;
      const outcome = seen.get(key) ?? (await detect(member.buildpack, inputs));
      seen.set(key, outcome);
      if (outcome.plan) detected.push({ member, plan: outcome.plan });
      else if (!member.optional) fits = false;
    }
    const resolution = fits ? resolvePlan(detected) : null;
    if (resolution) return resolution;
  }
  throw nothingDetected([...seen.values()]);
}

interface Outcome {
  readonly buildpack: Buildpack;
  /** Null when it does not apply. */
  readonly plan: PlanOptions | null;
  readonly failed: boolean;
  readonly output: string;
}

async function detect(buildpack: Buildpack, inputs: PhaseInputs): Promise<Outcome> {
  const { jail } = inputs;
  await jail.run({ argv: ['truncate', '--size=0', planPath], env: {}, cwd: '/' });
  const { status } = await jail.run({
    argv: [`${buildpackDir(buildpack)}/bin/detect`, platformDir, planPath],
    env: { ...buildpackEnv(buildpack, inputs), CNB_BUILD_PLAN_PATH: planPath },
    cwd: '/app',
    outputFile: outputPath,
  });
  const files = await jail.read([outputPath, planPath]);
  const output = files.get(outputPath)?.content.toString().slice(0, shownOutput) ?? '';
  if (status !== 0) return { buildpack, plan: null, failed: status !== noMatch, output };
  try {
    return { buildpack, plan: parseBuildPlan(files.get(planPath)?.content.toString() ?? ''), failed: false, output };
  } catch (error) {
    return { buildpack, plan: null, failed: true, output: `${output}\nIts plan is not valid: ${String(error)}` };
  }
}

function nothingDetected(outcomes: readonly Outcome[]): PlatformError {
  const outputs = outcomes
    .filter(({ output }) => output.trim() !== '')
    .map(({ buildpack, output }) => `${buildpack.id}: ${output.trim()}`)
    .join('\n');
  return outcomes.some(({ failed }) => failed)
    ? new PlatformError('build_failed', `A buildpack failed to look at the source.\n${outputs}`)
    : new PlatformError('no_app_detected', `No buildpack applies to this source.\n${outputs}`);
}
