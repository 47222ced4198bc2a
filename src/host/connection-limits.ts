import { readFile } from 'node:fs/promises';
import { appNetworkPrefix } from '../domain/app-network.ts';
import type { ConnectionLimits, ConnectionTable } from '../domain/host-hands.ts';
import type { FirewallChains } from './firewall-rules.ts';

/*
 * The kernel's table of connections (conntrack) is one for the whole host. When it is full, new connections of everybody are
 * dropped. An entry is made by the first packet of a flow of any protocol and stays after its end: 120 s for TCP (TIME_WAIT),
 * 30 s or 120 s for UDP. `connlimit` does not count entries that are ended, so a rate is needed too. A packet that is dropped
 * here leaves no entry.
 */

/** Each app may open the connections of so many seconds at once. */
const burstSeconds = 5;
/** Buckets of apps are kept so long without a packet, enough to be full again. */
const forgetMs = 60_000;
const timeWaitSeconds = 120;
/** What may be missing in a kernel. */
export type LimitMatch = 'hashlimit' | 'connlimit';

export interface LimitFacts {
  readonly limits: ConnectionLimits;
  /** `net.netfilter.nf_conntrack_max`. Null if the host does not say. */
  readonly tableSize: number | null;
  readonly matches: readonly LimitMatch[];
}

/**
 * The rules that limit the new connections of each app, and of all apps together to half of the table. They end with
 * RETURN or DROP, and never see a connection that the host opened to a container.
 */
export function limitRules(
  { limit, bucket }: Pick<FirewallChains, 'limit' | 'bucket'>,
  { limits, tableSize, matches }: LimitFacts,
): readonly string[] {
  const add = (rule: string) => `-A ${limit} ${rule}`;
  const above = (name: string, perSecond: number, match = '') => {
    const burst = perSecond * burstSeconds;
    const perApp = `--hashlimit-mode srcip --hashlimit-srcmask ${appNetworkPrefix}`;
    const rate = `-m hashlimit --hashlimit-above ${perSecond}/sec --hashlimit-burst ${burst} ${perApp}`;
    return add(`${match}${rate} --hashlimit-htable-expire ${forgetMs} --hashlimit-name ${bucket}${name} -j DROP`);
  };
  const rules: string[] = [
    // One-way UDP is "new" in each of its packets, and has an entry since the first.
    add('-m conntrack --ctstatus CONFIRMED -j RETURN'),
  ];
  if (matches.includes('hashlimit')) {
    if (limits.queriesPerSecond > 0) {
      rules.push(above('dns', limits.queriesPerSecond, '-p udp --dport 53 '));
    }
    if (limits.newPerSecond > 0) {
      // Queries have a limit of their own.
      const others = limits.queriesPerSecond > 0 ? '-p udp ! --dport 53 ' : '';
      if (others) rules.push(above('new', limits.newPerSecond, '! -p udp '));
      rules.push(above('new', limits.newPerSecond, others));
    }
    if (tableSize !== null && limits.newPerSecond > 0) {
      const perSecond = Math.max(1, Math.min(10_000, Math.floor(tableSize / 2 / timeWaitSeconds)));
      const rate = `-m hashlimit --hashlimit-above ${perSecond}/sec --hashlimit-burst ${perSecond * burstSeconds}`;
      rules.push(add(`${rate} --hashlimit-name ${bucket}all -j DROP`));
    }
  }
  if (matches.includes('connlimit') && limits.open > 0) {
    const count = `-m connlimit --connlimit-above ${limits.open} --connlimit-mask ${appNetworkPrefix} --connlimit-saddr`;
    rules.push(add(`${count} -j REJECT --reject-with icmp-admin-prohibited`));
  }
  return rules;
}

/** The number of entries that the host's table may have, and has. Null on a host that does not say. */
export async function connectionTable(): Promise<ConnectionTable | null> {
  const read = async (name: string) => Number(await readFile(`/proc/sys/net/netfilter/nf_conntrack_${name}`, 'utf8'));
  try {
    return { entries: await read('count'), size: await read('max') };
  } catch {
    return null;
  }
}
