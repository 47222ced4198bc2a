import { createHash } from 'node:crypto';
import { bridgePrefix } from '../domain/bridges.ts';

/** The chains of one platform. Their names have a part of its own, so that platforms on one machine do not meet. */
export interface FirewallChains {
  /** What containers send to the host itself. */
  readonly input: string;
  /** What containers send through the host. */
  readonly forward: string;
  /** All bridges of the platform, those to come too (iptables: a trailing `+` is "any interface that begins so"). */
  readonly bridges: string;
}

export function chainsOf(platformId: string): FirewallChains {
  const own = createHash('sha256').update(platformId).digest('hex').slice(0, 8);
  return { input: `PAAS-IN-${own}`, forward: `PAAS-FWD-${own}`, bridges: `${bridgePrefix(platformId)}+` };
}

const linkLocal = '169.254.0.0/16';

/**
 * The chains' content for `iptables-restore --noflush`, which replaces it in one step. The host's own programs reach
 * containers and get their answers; containers reach nothing of the host and no metadata service. `nameServers` are those
 * that the engine forwards containers' questions to, when they are the host's own or link-local addresses.
 */
export function restoreInput(chains: FirewallChains, nameServers: readonly string[]): string {
  const questions = (chain: string) =>
    nameServers.flatMap((address) =>
      ['udp', 'tcp'].map((protocol) => `-A ${chain} -d ${address} -p ${protocol} --dport 53 -j RETURN`),
    );
  return [
    '*filter',
    `:${chains.input} - [0:0]`,
    `:${chains.forward} - [0:0]`,
    `-A ${chains.input} -m conntrack --ctstate RELATED,ESTABLISHED -j RETURN`,
    ...questions(chains.input),
    `-A ${chains.input} -j DROP`,
    ...questions(chains.forward),
    `-A ${chains.forward} -d ${linkLocal} -j DROP`,
    'COMMIT',
    '',
  ].join('\n');
}

/** The same for IPv6, which the platform's networks do not have: nothing comes in from their bridges. */
export function restoreInput6(chains: FirewallChains): string {
  return ['*filter', `:${chains.input} - [0:0]`, `-A ${chains.input} -j DROP`, 'COMMIT', ''].join('\n');
}

/** Name servers of a resolv.conf that a rule above would cut off: addresses of this host, and link-local ones (some clouds). */
export function protectedNameServers(resolvConf: string, ownAddresses: ReadonlySet<string>): readonly string[] {
  const addresses = [...resolvConf.matchAll(/^\s*nameserver\s+(\d+\.\d+\.\d+\.\d+)\s*$/gm)].map(
    (match) => match[1] ?? '',
  );
  return addresses.filter(
    (address) => !address.startsWith('127.') && (address.startsWith('169.254.') || ownAddresses.has(address)),
  );
}
