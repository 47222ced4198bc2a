import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

/** All firewall rules of this machine, in the form of iptables. */
export async function firewallRules(): Promise<readonly string[]> {
  const { stdout } = await promisify(execFile)('iptables', ['--wait', '10', '--list-rules']);
  return stdout.split('\n');
}

/** Nothing is limited and nothing denied. */
export const openRules = {
  limits: { open: 0, newPerSecond: 0, queriesPerSecond: 0 },
  denied: [],
  exceptions: [],
} as const;
