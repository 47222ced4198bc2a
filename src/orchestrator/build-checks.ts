import type { PlatformStatus } from '../api/contract.ts';
import type { HostHands, StepRules } from '../domain/host-hands.ts';

type Check = PlatformStatus['checks'][number];

export type BuildCheckHands = Pick<HostHands, 'brakeSteps' | 'separateSteps' | 'whyNotCounted'>;

/** What bounds builds on this host, and what does not. */
export async function buildChecks(hands: BuildCheckHands, rules: StepRules): Promise<readonly Check[]> {
  return await Promise.all([dockerfileCheck(hands), stepsCheck(hands, rules), diskCheck(hands)]);
}

async function dockerfileCheck(hands: BuildCheckHands): Promise<Check> {
  const name = 'Dockerfile builds';
  using brake = await hands.brakeSteps();
  const { applied, message } = brake;
  if (applied) return { name, state: 'ok', message, fix: null };
  const fix = 'Build sources that you do not trust with a buildpack: those builds have every limit.';
  return { name, state: 'warning', message, fix };
}

async function stepsCheck(hands: BuildCheckHands, rules: StepRules): Promise<Check> {
  const name = 'network of Dockerfiles';
  using separation = await hands.separateSteps(rules);
  if (separation.applied) {
    return { name, state: 'ok', message: 'their steps reach no other build and no port of this host', fix: null };
  }
  return {
    name,
    state: 'warning',
    message: `Dockerfiles are built one at a time, and their steps can reach ports of this host: ${separation.reason}.`,
    fix: 'Run the platform as root, with the engine, iptables and iproute2 on the same machine.',
  };
}

async function diskCheck(hands: BuildCheckHands): Promise<Check> {
  const name = 'disk of builds';
  const reason = await hands.whyNotCounted();
  if (reason === null) return { name, state: 'ok', message: 'counted outside of the build', fix: null };
  return {
    name,
    state: 'warning',
    message: `A build can hide what it writes to its cache: ${reason}.`,
    fix: 'Run the platform as root, with the engine on the same machine.',
  };
}
