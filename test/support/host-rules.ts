import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

/** The firewall rules of this machine, of whatever platform or program, as iptables writes them. */
export async function hostRules(): Promise<readonly string[]> {
  const { stdout } = await promisify(execFile)('iptables', ['--wait', '10', '--list-rules']);
  return stdout.split('\n');
}
