import type { PlatformStatus } from '../api/contract.ts';
import type { Settings } from '../config/settings.ts';
import type { ConnectionTable, HostHands } from '../domain/host-hands.ts';
import { type Block, formatBlock, parseBlock } from '../domain/subnets.ts';
import { inTime } from './in-time.ts';

type Check = PlatformStatus['checks'][number];

const asRoot = 'Run the platform as root, on the machine of the engine and not in a container.';
/** Above this share new connections of everybody are soon dropped. */
const fullTable = 0.75;
/** More networks than a person reads. */
const mostNetworks = 8;

export type AppLimitHands = Pick<HostHands, 'diskUse' | 'connectionTable' | 'reachableNetworks'>;

/** What bounds apps on a host beside their containers' limits, and what does not. Never throws. */
export async function appLimitChecks(
  hands: AppLimitHands,
  { deniedNetworks }: Pick<Settings, 'deniedNetworks'>,
): Promise<readonly Check[]> {
  try {
    const [disk, table, networks] = await inTime(
      Promise.all([diskCheck(hands), hands.connectionTable(), hands.reachableNetworks()]),
      'the host',
    );
    return [disk, ...(table ? [tableCheck(table)] : []), networkCheck(networks, deniedNetworks)];
  } catch {
    // The check of the host itself says that it does not answer.
    return [];
  }
}

async function diskCheck(hands: AppLimitHands): Promise<Check> {
  const name = 'disk of apps';
  const report = await hands.diskUse([], AbortSignal.timeout(2000));
  if (report.measured) return { name, state: 'ok', message: 'counted by the file system', fix: null };
  return { name, state: 'warning', message: report.reason, fix: asRoot };
}

function tableCheck({ entries, size }: ConnectionTable): Check {
  const name = 'connections';
  const message = `${entries} of ${size} entries in the host's table`;
  if (entries < size * fullTable) return { name, state: 'ok', message, fix: null };
  const fix = `Allow more: sysctl net.netfilter.nf_conntrack_max=${size * 2}`;
  return { name, state: 'warning', message, fix };
}

/** Open by default, so it is no warning. */
export function networkCheck(networks: readonly Block[], denied: Settings['deniedNetworks']): Check {
  const name = 'networks of apps';
  const closed = denied.map(parseBlock).filter((block) => block !== null);
  const open = networks.filter((network) => !closed.some((block) => contains(block, network)));
  const listed = [...new Set(open.map(formatBlock))];
  const shown = listed.slice(0, mostNetworks).join(', ') + (listed.length > mostNetworks ? ', …' : '');
  const denials = denied.length === 0 ? 'PAAS_DENY_NETWORKS denies none' : `denied: ${denied.join(', ')}`;
  const reach = listed.length === 0 ? 'apps reach no network of this host' : `apps reach ${shown}`;
  return { name, state: 'ok', message: `${reach}, and what the default route leads to; ${denials}`, fix: null };
}

function contains(outer: Block, inner: Block): boolean {
  return inner.first >= outer.first && inner.first + inner.size <= outer.first + outer.size;
}
