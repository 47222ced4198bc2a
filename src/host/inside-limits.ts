import { open, readFile, readlink } from 'node:fs/promises';
import { containerProcesses } from './container-processes.ts';
import { restoreInside } from './iptables.ts';

/*
 * Containers ask the engine's name server at 127.0.0.11 in their own network namespace, before any rule of the host. A
 * flood there costs the engine more than half of a core and each new name a connection (measured with 20.10). A namespace
 * also has a table of connections of its own, whose memory is nobody's, so nothing but queries is tracked there.
 */

const nameServer = '127.0.0.11/32';
const burstSeconds = 5;
const mostBurst = 10_000;

/** The whole table `raw` of a container's namespace, for `iptables-restore`. Nobody else has rules there. */
export function insideRules(queriesPerSecond: number): string {
  const burst = Math.min(mostBurst, queriesPerSecond * burstSeconds);
  return [
    '*raw',
    ':PREROUTING ACCEPT [0:0]',
    ':OUTPUT ACCEPT [0:0]',
    `-A OUTPUT -d ${nameServer} -m limit --limit ${queriesPerSecond}/sec --limit-burst ${burst} -j ACCEPT`,
    `-A OUTPUT -d ${nameServer} -j DROP`,
    `-A OUTPUT ! -s ${nameServer} -j CT --notrack`,
    `-A PREROUTING ! -s ${nameServer} ! -d ${nameServer} -j CT --notrack`,
    'COMMIT',
    '',
  ].join('\n');
}

/**
 * Limits the queries of containers that have no such limit yet. The answer is the function to call repeatedly. It resolves to
 * the number of containers that it limited, and throws what iptables throws.
 */
export function createInsideLimits(): (ids: readonly string[], queriesPerSecond: number) => Promise<number> {
  let limited = new Set<string>();
  return async (ids, queriesPerSecond) => {
    if (queriesPerSecond === 0) return 0;
    const keyOf = (id: string) => `${id} ${queriesPerSecond}`;
    const fresh = ids.filter((id) => !limited.has(keyOf(id)));
    limited = new Set(ids.map(keyOf).filter((key) => limited.has(key)));
    if (fresh.length === 0) return 0;
    const processes = await containerProcesses();
    let count = 0;
    for (const id of fresh) {
      const [pid] = processes.get(id) ?? [];
      if (pid === undefined || !(await limitQueries(id, pid, queriesPerSecond))) continue;
      limited.add(keyOf(id));
      count += 1;
    }
    return count;
  };
}

/** False if the process has ended. Its number may be another process's then, so the namespace is held before it is checked. */
async function limitQueries(id: string, pid: number, queriesPerSecond: number): Promise<boolean> {
  const namespace = await open(`/proc/${pid}/ns/net`).catch(() => null);
  if (namespace === null) return false;
  try {
    const groups = await readFile(`/proc/${pid}/cgroup`, 'utf8').catch(() => '');
    const own = await readlink('/proc/self/ns/net');
    const its = await readlink(`/proc/self/fd/${namespace.fd}`);
    if (!groups.includes(id) || its === own) return false;
    await restoreInside(namespace.fd, insideRules(queriesPerSecond));
    return true;
  } finally {
    await namespace.close();
  }
}
