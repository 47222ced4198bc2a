import { access, readdir, readFile } from 'node:fs/promises';
import { networkInterfaces } from 'node:os';
import { bridgePrefix } from '../domain/bridges.ts';
import type { FirewallRules, FirewallState } from '../domain/host-hands.ts';
import { isRoot } from '../system/privileges.ts';
import { connectionTable, type LimitMatch, limitRules } from './connection-limits.ts';
import {
  blockedNameServers,
  chainsOf,
  type FirewallChains,
  restoreChain,
  restoreInput,
  restoreInput6,
} from './firewall-rules.ts';
import { type Iptables, iptables, iptablesError, restoreChains, succeeds } from './iptables.ts';
import { removeStepRules } from './step-rules.ts';

/*
 * Without these rules containers can reach every port of the host that listens on all addresses, through any bridge's
 * gateway (contracts/hardening.md finding 5).
 */

/** The rules of the chains `limit` as this process set them, by chain: what it asked for, what the kernel then listed, and the gaps. */
const limitsSet = new Map<
  string,
  { readonly asked: string; readonly listed: string; readonly gaps: readonly string[] }
>();

/**
 * Sets the rules, or sets them again. Call it at start and then repeatedly, because a firewall that is reloaded (ufw,
 * firewalld, an update) loses them. Later networks of the platform need no further call. Never throws: returns the reason
 * for a failure. `ownBridge` gives the interface of the engine's default bridge; it may throw.
 */
export async function applyHostFirewall(
  rules: FirewallRules,
  ownBridge: () => Promise<string | null>,
): Promise<FirewallState> {
  const { platformId, hasNetworks, closeMetadata, denied } = rules;
  if (!isRoot()) {
    return notApplied('the platform does not run as root');
  }
  if (hasNetworks && !(await hasInterface(bridgePrefix(platformId)))) {
    return notApplied('the engine’s networks are not in the platform’s network namespace');
  }
  const chains = chainsOf(platformId);
  let gaps: readonly string[] = [];
  try {
    const buildBridge = closeMetadata ? await ownBridge() : null;
    gaps = await setLimits(chains, rules.limits);
    const facts = {
      ...rules,
      nameServers: await nameServers(denied),
      seesBridged: await seesBridged(),
    };
    await restoreChains('iptables', restoreInput(chains, facts));
    await setJumps(['iptables', 'INPUT', chains.input], [chains.bridges]);
    const hook = await forwardHook('iptables');
    await setJumps(['iptables', hook, chains.forward], [chains.bridges]);
    await setJumps(['iptables', hook, chains.steps], buildBridge === null ? [] : [buildBridge]);
  } catch (error) {
    return notApplied(iptablesError(error));
  }
  try {
    await restoreChains('ip6tables', restoreInput6(chains));
    await setJumps(['ip6tables', 'INPUT', chains.input], [chains.bridges]);
    await setJumps(['ip6tables', await forwardHook('ip6tables'), chains.forward], [chains.bridges]);
  } catch {
    // A kernel without IPv6 has nothing to close. The platform's networks have no IPv6 in any case.
  }
  return { applied: true, gaps };
}

/** Removes the platform's rules. May be called if there are none. */
export async function removeHostFirewall(platformId: string): Promise<void> {
  if (!isRoot()) return;
  await removeStepRules(platformId);
  const chains = chainsOf(platformId);
  const all: readonly Jump[] = [
    ['iptables', 'INPUT', chains.input],
    ['iptables', 'DOCKER-USER', chains.forward],
    ['iptables', 'FORWARD', chains.forward],
    ['iptables', 'DOCKER-USER', chains.steps],
    ['iptables', 'FORWARD', chains.steps],
    ['ip6tables', 'INPUT', chains.input],
    ['ip6tables', 'DOCKER-USER', chains.forward],
    ['ip6tables', 'FORWARD', chains.forward],
  ];
  for (const jump of all) await setJumps(jump, []).catch(() => undefined);
  limitsSet.delete(chains.limit);
  const own = [
    ...new Map(all.map(([program, , chain]) => [`${program} ${chain}`, [program, chain] as const])).values(),
  ];
  for (const [program, chain] of [...own, ['iptables', chains.deny], ['iptables', chains.limit]] as const) {
    await succeeds(program, ['--flush', chain]);
    await succeeds(program, ['--delete-chain', chain]);
  }
}

/**
 * Sets the limits of connections unless they are in place. The kernel counts open connections in the rule itself, so a rule
 * that is replaced begins at zero. A kernel without one of the matches gets the others' rules.
 */
async function setLimits(chains: FirewallChains, limits: FirewallRules['limits']): Promise<readonly string[]> {
  const tableSize = (await connectionTable())?.size ?? null;
  const asked = JSON.stringify({ limits, tableSize });
  const last = limitsSet.get(chains.limit);
  const list = () => iptables('iptables', ['--list-rules', chains.limit]).catch(() => '');
  if (last?.asked === asked && last.listed === (await list())) return last.gaps;
  const attempts: readonly (readonly LimitMatch[])[] = [['hashlimit', 'connlimit'], ['hashlimit'], ['connlimit'], []];
  for (const matches of attempts) {
    const rules = limitRules(chains, { limits, tableSize, matches });
    try {
      await restoreChains('iptables', restoreChain(chains.limit, rules));
    } catch (error) {
      if (matches.length === 0) throw error;
      continue;
    }
    const gaps = gapsOf(matches);
    limitsSet.set(chains.limit, { asked, listed: await list(), gaps });
    return gaps;
  }
  return [];
}

function gapsOf(matches: readonly LimitMatch[]): readonly string[] {
  const gaps: string[] = [];
  if (!matches.includes('hashlimit')) {
    gaps.push('New connections and DNS queries of an app per second are not limited: iptables has no match hashlimit.');
  }
  if (!matches.includes('connlimit')) {
    gaps.push('Open connections of an app are not limited: iptables has no match connlimit.');
  }
  return gaps;
}

/** The program, the chain that packets pass, and the platform's chain to which rules send some of them. */
type Jump = readonly [Iptables, string, string];

/** Sends packets from these interfaces, and from no others, to the platform's chain, with one rule for each interface. */
async function setJumps([program, hook, chain]: Jump, interfaces: readonly string[]): Promise<void> {
  const missing = new Set(interfaces);
  for (const found of await interfacesOf([program, hook, chain])) {
    if (missing.delete(found)) continue;
    await iptables(program, ['--delete', hook, ...jumpFrom(found, chain)]);
  }
  for (const name of missing) await iptables(program, ['--insert', hook, '1', ...jumpFrom(name, chain)]);
}

/** The interfaces whose packets go to the chain, one for each rule. */
async function interfacesOf([program, hook, chain]: Jump): Promise<readonly string[]> {
  const rules = await iptables(program, ['--list-rules', hook]);
  return rules.split('\n').flatMap((rule) => {
    const [, name, target] = /^-A \S+ -i (\S+) -j (\S+)$/.exec(rule.trim()) ?? [];
    return name !== undefined && target === chain ? [name] : [];
  });
}

function jumpFrom(name: string, chain: string): readonly string[] {
  return ['--in-interface', name, '--jump', chain];
}

/** Docker reserves DOCKER-USER for other programs and keeps it over its restarts. An engine without iptables has no such chain. */
async function forwardHook(program: Iptables): Promise<string> {
  return (await succeeds(program, ['--list-rules', 'DOCKER-USER'])) ? 'DOCKER-USER' : 'FORWARD';
}

/** The servers to which containers' queries go, if they are on this host, link-local or in a denied network. */
export async function nameServers(denied: FirewallRules['denied']): Promise<readonly string[]> {
  const own = new Set(
    Object.values(networkInterfaces())
      .flatMap((addresses) => addresses ?? [])
      .map((address) => address.address),
  );
  // If systemd-resolved listens on loopback, the engine gives containers the servers that it forwards to.
  const files = ['/etc/resolv.conf', '/run/systemd/resolve/resolv.conf'];
  const texts = await Promise.all(files.map((file) => readFile(file, 'utf8').catch(() => '')));
  return [...new Set(texts.flatMap((text) => blockedNameServers(text, { addresses: own, denied })))];
}

/** The folder is there while the kernel's br_netfilter is loaded. A rule that asks for the port would load it. */
async function seesBridged(): Promise<boolean> {
  return access('/proc/sys/net/bridge').then(
    () => true,
    () => false,
  );
}

async function hasInterface(prefix: string): Promise<boolean> {
  const names = await readdir('/sys/class/net').catch(() => []);
  return names.some((name) => name.startsWith(prefix));
}

function notApplied(cause: string): FirewallState {
  return { applied: false, reason: `Containers can reach ports of this host: ${cause}.` };
}
