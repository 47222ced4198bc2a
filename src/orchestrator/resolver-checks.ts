import type { PlatformStatus } from '../api/contract.ts';
import type { ResolverMemory } from '../domain/resolver-protocol.ts';
import { inTime } from './in-time.ts';

type Check = PlatformStatus['checks'][number];

/** What the resolver has in memory. Nothing when it does not answer, which another check says. Never throws. */
export async function resolverChecks(memory: () => Promise<ResolverMemory>): Promise<readonly Check[]> {
  try {
    return [memoryCheck(await inTime(memory(), 'the resolver'))];
  } catch {
    return [];
  }
}

function memoryCheck({ residentBytes, limitBytes }: ResolverMemory): Check {
  const name = 'resolver memory';
  const megabytes = (bytes: number) => Math.round(bytes / 2 ** 20);
  const message = `${megabytes(residentBytes)} MB of ${megabytes(limitBytes)} MB`;
  if (residentBytes <= limitBytes) return { name, state: 'ok', message, fix: null };
  const fix =
    'Unusually many connections, or a fault. It shrinks within 10 s after they have ended. If it does not, restart the platform.';
  return { name, state: 'warning', message, fix };
}
