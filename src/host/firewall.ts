import { execFile } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { networkInterfaces } from 'node:os';
import { bridgePrefix } from '../domain/bridges.ts';
import type { FirewallRules, FirewallState } from '../domain/host-hands.ts';
import { isRoot } from '../system/privileges.ts';
import { chainsOf, protectedNameServers, restoreInput, restoreInput6 } from './firewall-rules.ts';

/*
 * Containers can reach every port of the host that listens on all addresses, through any bridge's gateway
 * (contracts/hardening.md finding 5). These rules end that. This file owns the processes of iptables.
 */

const programDeadlineMs = 20_000;
/** A host that bans addresses one by one may have tens of thousands of rules. */
const maxBuffer = 64 * 1024 * 1024;

/**
 * Puts the rules in place, or back in place: call it at start, and again from a reconciler, because a firewall that is
 * reloaded (ufw, firewalld, an update) forgets them. New networks of the platform are covered without a call. Never
 * throws: where it cannot be done it says why. `ownBridge`: the interface of the engine's own bridge; may throw.
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
    // A kernel without IPv6 has nothing to be closed; the networks have none either way.
  }
  return { applied: true };
}

/** Takes the platform's rules away. May be called when there are none. */
export async function removeHostFirewall(platformId: string): Promise<void> {
  if (!isRoot()) return;
  const chains = chainsOf(platformId);
  const places: readonly Place[] = [
    ['iptables', 'INPUT', chains.input],
    ['iptables', 'DOCKER-USER', chains.forward],
    ['iptables', 'FORWARD', chains.forward],
    ['ip6tables', 'INPUT', chains.input],
  ];
  for (const place of places) await setJumps(place, []).catch(() => undefined);
  for (const [program, , chain] of places) {
    await succeeds(program, ['--wait', '10', '--flush', chain]);
    await succeeds(program, ['--wait', '10', '--delete-chain', chain]);
  }
}

/** The program, the chain that packets pass, and the chain of ours that some of them are sent to. */
type Place = readonly ['iptables' | 'ip6tables', string, string];

/** From now on packets that come in by these interfaces, and by no others, are sent to our chain, each once. */
async function setJumps([program, hook, chain]: Place, interfaces: readonly string[]): Promise<void> {
  const missing = new Set(interfaces);
  for (const found of await jumps(program, hook, chain)) {
    if (missing.delete(found)) continue;
    await run(program, ['--wait', '10', '--delete', hook, ...jumpFrom(found, chain)]);
  }
  for (const name of missing) await run(program, ['--wait', '10', '--insert', hook, '1', ...jumpFrom(name, chain)]);
}

/** The interfaces whose packets are sent to the chain, one for each rule. */
async function jumps(program: string, hook: string, chain: string): Promise<readonly string[]> {
  const rules = await run(program, ['--wait', '10', '--list-rules', hook]);
  return rules.split('\n').flatMap((rule) => {
    const [, name, target] = /^-A \S+ -i (\S+) -j (\S+)$/.exec(rule.trim()) ?? [];
    return name !== undefined && target === chain ? [name] : [];
  });
}

function jumpFrom(name: string, chain: string): readonly string[] {
  return ['--in-interface', name, '--jump', chain];
}

/** Docker leaves DOCKER-USER to others and keeps it over its own restarts. An engine without iptables has none. */
async function forwardHook(): Promise<string> {
  return (await succeeds('iptables', ['--wait', '10', '--list-rules', 'DOCKER-USER'])) ? 'DOCKER-USER' : 'FORWARD';
}

async function nameServers(): Promise<readonly string[]> {
  const own = new Set(
    Object.values(networkInterfaces())
      .flatMap((addresses) => addresses ?? [])
      .map((address) => address.address),
  );
  // Where systemd-resolved listens on loopback, the engine gives containers the servers behind it.
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
    // The program may end before it has read: then its exit code tells why, and not the pipe.
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
