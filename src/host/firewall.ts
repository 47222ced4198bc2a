import { execFile } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { networkInterfaces } from 'node:os';
import { bridgePrefix } from '../domain/bridges.ts';
import type { FirewallRules, FirewallState } from '../domain/host-hands.ts';
import { isRoot } from '../system/privileges.ts';
import { chainsOf, protectedNameServers, restoreInput, restoreInput6 } from './firewall-rules.ts';

/*
 * Without these rules containers can reach every port of the host that listens on all addresses, through any bridge's
 * gateway (contracts/hardening.md finding 5). Only this file starts iptables.
 */

const programDeadlineMs = 20_000;
/** A host that bans single addresses may have tens of thousands of rules. */
const maxBuffer = 64 * 1024 * 1024;

/**
 * Sets the rules, or sets them again. Call it at start and then repeatedly, because a firewall that is reloaded (ufw,
 * firewalld, an update) loses them. Later networks of the platform need no further call. Never throws: returns the reason
 * for a failure. `ownBridge` gives the interface of the engine's default bridge; it may throw.
 */
export async function applyHostFirewall(
  { platformId, hasNetworks, closeMetadata }: FirewallRules,
  ownBridge: () => Promise<string | null>,
): Promise<FirewallState> {
  if (!isRoot()) {
    return notApplied('the platform does not run as root');
  }
  if (hasNetworks && !(await hasInterface(bridgePrefix(platformId)))) {
    return notApplied('the engine’s networks are not in the platform’s network namespace');
  }
  const chains = chainsOf(platformId);
  try {
    const buildBridge = closeMetadata ? await ownBridge() : null;
    await run('iptables-restore', ['--noflush', '--wait', '10'], restoreInput(chains, await nameServers()));
    await setJumps(['iptables', 'INPUT', chains.input], [chains.bridges]);
    const forwarded = buildBridge === null ? [chains.bridges] : [chains.bridges, buildBridge];
    await setJumps(['iptables', await forwardHook(), chains.forward], forwarded);
  } catch (error) {
    return notApplied(reasonOf(error));
  }
  try {
    await run('ip6tables-restore', ['--noflush', '--wait', '10'], restoreInput6(chains));
    await setJumps(['ip6tables', 'INPUT', chains.input], [chains.bridges]);
  } catch {
    // A kernel without IPv6 has nothing to close. The platform's networks have no IPv6 in any case.
  }
  return { applied: true };
}

/** Removes the platform's rules. May be called if there are none. */
export async function removeHostFirewall(platformId: string): Promise<void> {
  if (!isRoot()) return;
  const chains = chainsOf(platformId);
  const all: readonly Jump[] = [
    ['iptables', 'INPUT', chains.input],
    ['iptables', 'DOCKER-USER', chains.forward],
    ['iptables', 'FORWARD', chains.forward],
    ['ip6tables', 'INPUT', chains.input],
  ];
  for (const jump of all) await setJumps(jump, []).catch(() => undefined);
  for (const [program, , chain] of all) {
    await succeeds(program, ['--wait', '10', '--flush', chain]);
    await succeeds(program, ['--wait', '10', '--delete-chain', chain]);
  }
}

/** The program, the chain that packets pass, and the platform's chain to which rules send some of them. */
type Jump = readonly ['iptables' | 'ip6tables', string, string];

/** Sends packets from these interfaces, and from no others, to the platform's chain, with one rule for each interface. */
async function setJumps([program, hook, chain]: Jump, interfaces: readonly string[]): Promise<void> {
  const missing = new Set(interfaces);
  for (const found of await interfacesOf([program, hook, chain])) {
    if (missing.delete(found)) continue;
    await run(program, ['--wait', '10', '--delete', hook, ...jumpFrom(found, chain)]);
  }
  for (const name of missing) await run(program, ['--wait', '10', '--insert', hook, '1', ...jumpFrom(name, chain)]);
}

/** The interfaces whose packets go to the chain, one for each rule. */
async function interfacesOf([program, hook, chain]: Jump): Promise<readonly string[]> {
  const rules = await run(program, ['--wait', '10', '--list-rules', hook]);
  return rules.split('\n').flatMap((rule) => {
    const [, name, target] = /^-A \S+ -i (\S+) -j (\S+)$/.exec(rule.trim()) ?? [];
    return name !== undefined && target === chain ? [name] : [];
  });
}

function jumpFrom(name: string, chain: string): readonly string[] {
  return ['--in-interface', name, '--jump', chain];
}

/** Docker reserves DOCKER-USER for other programs and keeps it over its restarts. An engine without iptables has no such chain. */
async function forwardHook(): Promise<string> {
  return (await succeeds('iptables', ['--wait', '10', '--list-rules', 'DOCKER-USER'])) ? 'DOCKER-USER' : 'FORWARD';
}

async function nameServers(): Promise<readonly string[]> {
  const own = new Set(
    Object.values(networkInterfaces())
      .flatMap((addresses) => addresses ?? [])
      .map((address) => address.address),
  );
  // If systemd-resolved listens on loopback, the engine gives containers the servers that it forwards to.
  const files = ['/etc/resolv.conf', '/run/systemd/resolve/resolv.conf'];
  const texts = await Promise.all(files.map((file) => readFile(file, 'utf8').catch(() => '')));
  return [...new Set(texts.flatMap((text) => protectedNameServers(text, own)))];
}

async function hasInterface(prefix: string): Promise<boolean> {
  const names = await readdir('/sys/class/net').catch(() => []);
  return names.some((name) => name.startsWith(prefix));
}

async function succeeds(program: string, args: readonly string[]): Promise<boolean> {
  try {
    await run(program, args);
    return true;
  } catch {
    return false;
  }
}

function run(program: string, args: readonly string[], input = ''): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = execFile(program, args, { timeout: programDeadlineMs, maxBuffer }, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else reject(Object.assign(error, { stderr }));
    });
    // The program may end before it has read its input. Then its exit code is the reason, not the broken pipe.
    child.stdin?.on('error', () => {});
    child.stdin?.end(input);
  });
}

function reasonOf(error: unknown): string {
  const { code, stderr = '' } = error as { readonly code?: unknown; readonly stderr?: string };
  if (code === 'ENOENT') return 'iptables is not installed';
  return stderr.trim().split('\n')[0] || String(error);
}

function notApplied(cause: string): FirewallState {
  return { applied: false, reason: `Containers can reach ports of this host: ${cause}.` };
}
