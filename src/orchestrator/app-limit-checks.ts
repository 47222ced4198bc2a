import type { PlatformStatus } from '../api/contract.ts';
import type { HostHands } from '../domain/host-hands.ts';

type Check = PlatformStatus['checks'][number];

const fix = 'Run the platform as root, on the machine of the engine and not in a container.';

/** What bounds apps on a host beside their containers' limits, and what does not. */
export async function appLimitChecks(hands: Pick<HostHands, 'diskUse'>): Promise<readonly Check[]> {
  const name = 'disk of apps';
  const report = await hands.diskUse([], AbortSignal.timeout(2000));
  if (report.measured) return [{ name, state: 'ok', message: 'counted by the file system', fix: null }];
  return [{ name, state: 'warning', message: report.reason, fix }];
}
