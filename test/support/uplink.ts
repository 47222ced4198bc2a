import { execFile } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { promisify } from 'node:util';

const run = promisify(execFile);

/**
 * Internet access for a network namespace: a pair of interfaces and address translation on the host. The address range is
 * for tests of network devices (RFC 2544).
 */
export class Uplink implements AsyncDisposable {
  /** The namespace's address, as the host sees it. */
  readonly address: string;
  readonly #rules: readonly (readonly string[])[];

  private constructor(address: string, rules: readonly (readonly string[])[]) {
    this.address = address;
    this.#rules = rules;
  }

  /** For the namespace of the process `pid`. */
  static async create(pid: number): Promise<Uplink> {
    const number = randomInt(1, 255);
    const outside = `paast${number}`;
    const [gateway, inside] = [`198.18.${number}.1`, `198.18.${number}.2`];
    const ip = (...args: string[]) => run('ip', args);
    const ipInside = (...args: string[]) => run('nsenter', ['--target', String(pid), '--net', '--', 'ip', ...args]);

    await ip('link', 'add', outside, 'type', 'veth', 'peer', 'name', 'uplink', 'netns', String(pid));
    await ip('address', 'add', `${gateway}/30`, 'dev', outside);
    await ip('link', 'set', outside, 'up');
    await ipInside('address', 'add', `${inside}/30`, 'dev', 'uplink');
    await ipInside('link', 'set', 'uplink', 'up');
    await ipInside('route', 'add', 'default', 'via', gateway);

    const answers = ['--match', 'conntrack', '--ctstate', 'RELATED,ESTABLISHED'];
    const rules = [
      ['--table', 'nat', 'POSTROUTING', '--source', `${inside}/32`, '--jump', 'MASQUERADE'],
      ['--table', 'filter', 'FORWARD', '--in-interface', outside, '--jump', 'ACCEPT'],
      ['--table', 'filter', 'FORWARD', '--out-interface', outside, ...answers, '--jump', 'ACCEPT'],
    ];
    for (const rule of rules) await iptables('--insert', rule);
    return new Uplink(inside, rules);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // The kernel removes the interfaces with their namespace.
    for (const rule of this.#rules) await iptables('--delete', rule);
  }
}

async function iptables(
  command: string,
  [option = '', table = '', chain = '', ...match]: readonly string[],
): Promise<void> {
  await run('iptables', ['--wait', '10', option, table, command, chain, ...match]);
}
