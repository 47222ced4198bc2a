import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { chainsOf } from './firewall-rules.ts';
import { type Iptables, iptables, restoreChains, succeeds } from './iptables.ts';

/*
 * The firewall for steps of Dockerfiles, whose ports step-ports.ts takes off the engine's default bridge and puts into one
 * group of interfaces. What containers on a bridge send comes from the bridge, so these rules never see it.
 */

const program: Iptables = 'iptables';
/** The group of interfaces (ip-link(8), `group`) of steps. The number is arbitrary; all platforms on a host have the same. */
export const stepGroup = 0x70616173;
const fromSteps = ['-m', 'devgroup', '--src-group', `0x${stepGroup.toString(16)}`];
const toSteps = ['-m', 'devgroup', '--dst-group', `0x${stepGroup.toString(16)}`];
const linkLocal = '169.254.0.0/16';
const interfaces = '/sys/class/net';

export interface StepRuleFacts {
  readonly platformId: string;
  /** Closes link-local addresses (cloud metadata). */
  readonly closeMetadata: boolean;
  /** Name servers of containers that are on this host or link-local. */
  readonly nameServers: readonly string[];
}

interface StepChains {
  /** From steps, before all else: another source than the port's own is dropped. */
  readonly source: string;
  /** From steps to the host itself. */
  readonly input: string;
  /** From steps through the host. */
  readonly from: string;
  /** To steps. */
  readonly to: string;
}

export function stepChains(platformId: string): StepChains {
  const [, own = ''] = /-(\w+)$/.exec(chainsOf(platformId).input) ?? [];
  return { source: `PAAS-STS-${own}`, input: `PAAS-STI-${own}`, from: `PAAS-STF-${own}`, to: `PAAS-STT-${own}` };
}

/**
 * The content of the chains for `iptables-restore --noflush`. Steps reach name servers and what lies beyond the `outward`
 * interfaces, and nothing else: no step, no container, no port of the host. Networks are denied to them and their connections
 * are limited as an app's.
 */
export function restoreSteps(facts: StepRuleFacts, outward: readonly string[]): string {
  const { source, input, from, to } = stepChains(facts.platformId);
  const { limit, deny } = chainsOf(facts.platformId);
  const queries = (chain: string, targets: readonly string[]) =>
    facts.nameServers.flatMap((address) =>
      ['udp', 'tcp'].flatMap((protocol) =>
        targets.map((target) => `-A ${chain} -d ${address} -p ${protocol} --dport 53 -j ${target}`),
      ),
    );
  return [
    '*raw',
    `:${source} - [0:0]`,
    // As strict as the option rp_filter=1, which many systems lower to 2 for all interfaces.
    `-A ${source} -m rpfilter --invert -j DROP`,
    'COMMIT',
    '*filter',
    ...[input, from, to].map((chain) => `:${chain} - [0:0]`),
    ...queries(input, [limit, 'RETURN']),
    `-A ${input} -j DROP`,
    ...queries(from, [limit, 'ACCEPT']),
    ...(facts.closeMetadata ? [`-A ${from} -d ${linkLocal} -j DROP`] : []),
    `-A ${from} -j ${deny}`,
    `-A ${from} -j ${limit}`,
    ...outward.map((name) => `-A ${from} -o ${name} -j ACCEPT`),
    `-A ${from} -j DROP`,
    `-A ${to} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT`,
    `-A ${to} -j DROP`,
    'COMMIT',
    '',
  ].join('\n');
}

/** Sets the rules, or sets them again. Throws what iptables throws. */
export async function applyStepRules(facts: StepRuleFacts): Promise<void> {
  const chains = stepChains(facts.platformId);
  // Their rules are set by the firewall for apps, perhaps later.
  const { limit, deny } = chainsOf(facts.platformId);
  for (const chain of [limit, deny]) await succeeds(program, ['--new-chain', chain]);
  await restoreChains(program, restoreSteps(facts, await outwardInterfaces()));
  const hook = (await succeeds(program, ['--list-rules', 'DOCKER-USER'])) ? 'DOCKER-USER' : 'FORWARD';
  const jumps = [
    ['raw', 'PREROUTING', [...fromSteps, '-j', chains.source]],
    ['filter', 'INPUT', [...fromSteps, '-j', chains.input]],
    ['filter', hook, [...fromSteps, '-j', chains.from]],
    ['filter', hook, [...toSteps, '-j', chains.to]],
  ] as const;
  for (const [table, chain, rule] of jumps) {
    if (await succeeds(program, ['-t', table, '--check', chain, ...rule])) continue;
    await iptables(program, ['-t', table, '--insert', chain, '1', ...rule]);
  }
}

/** May be called if there are none. */
export async function removeStepRules(platformId: string): Promise<void> {
  const { source, input, from, to } = stepChains(platformId);
  await removeFrom('raw', ['PREROUTING'], [source]);
  await removeFrom('filter', ['INPUT', 'DOCKER-USER', 'FORWARD'], [input, from, to]);
}

async function removeFrom(table: string, hooks: readonly string[], chains: readonly string[]): Promise<void> {
  for (const hook of hooks) {
    const rules = await iptables(program, ['-t', table, '--list-rules', hook]).catch(() => '');
    for (const rule of rules.split('\n').map((line) => line.trim())) {
      if (!chains.some((chain) => rule.endsWith(` -j ${chain}`))) continue;
      await succeeds(program, ['-t', table, '--delete', ...rule.split(' ').slice(1)]);
    }
  }
  for (const chain of chains) {
    await succeeds(program, ['-t', table, '--flush', chain]);
    await succeeds(program, ['-t', table, '--delete-chain', chain]);
  }
}

/** Interfaces that lead out of this host: those of the default routes, and all that are no bridge and no container's. */
async function outwardInterfaces(): Promise<readonly string[]> {
  const [names, routes] = await Promise.all([readdir(interfaces), readFile('/proc/net/route', 'utf8')]);
  const uplinks = new Set([...routes.matchAll(/^(\S+)\t0{8}\t(?:\S+\t){5}0{8}\t/gm)].map(([, name]) => name));
  const outward: string[] = [];
  for (const name of names) {
    if (name === 'lo' || name.startsWith('veth')) continue;
    const parts = await readdir(join(interfaces, name)).catch(() => null);
    if (parts === null) continue;
    if (uplinks.has(name) || !(parts.includes('bridge') || parts.includes('master'))) outward.push(name);
  }
  return outward;
}
