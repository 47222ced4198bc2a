import { createHash } from 'node:crypto';
import { bridgePrefix } from '../domain/bridges.ts';

/** The chains of one platform. Their names contain a hash of its id, so that platforms on one machine do not conflict. */
export interface FirewallChains {
  /** For packets from containers to the host itself. */
  readonly input: string;
  /** For packets from containers through the host. */
  readonly forward: string;
  /** Matches all bridges of the platform, later ones too (iptables: a trailing `+` matches any interface with this prefix). */
  readonly bridges: string;
}

export function chainsOf(platformId: string): FirewallChains {
  const own = createHash('sha256').update(platformId).digest('hex').slice(0, 8);
  return { input: `PAAS-IN-${own}`, forward: `PAAS-FWD-${own}`, bridges: `${bridgePrefix(platformId)}+` };
}

const linkLocal = '169.254.0.0/16';

/**
 * The content of the chains for `iptables-restore --noflush`, which replaces it in one step. The host's programs reach
 * containers and get their answers. Containers reach neither the host nor a metadata service. `nameServers` are the
 * servers to which the engine forwards DNS queries of containers, if they have an address of the host or a link-local one.
 */
export function restoreInput(chains: FirewallChains, nameServers: readonly string[]): string {
  const queries = (chain: string) =>
    nameServers.flatMap((address) =>
      ['udp', 'tcp'].map((protocol) => `-A ${chain} -d ${address} -p ${protocol} --dport 53 -j RETURN`),
    );
  return [
    '*filter',
    `:${chains.input} - [0:0]`,
    `:${chains.forward} - [0:0]`,
    `-A ${chains.input} -m conntrack --ctstate RELATED,ESTABLISHED -j RETURN`,
    ...queries(chains.input),
    `-A ${chains.input} -j DROP`,
    ...queries(chains.forward),
    `-A ${chains.forward} -d ${linkLocal} -j DROP`,
    'COMMIT',
    '',
  ].join('\n');
}

/** The same for IPv6, which the platform's networks do not have: all packets from their bridges are dropped. */
export function restoreInput6(chains: FirewallChains): string {
  return ['*filter', `:${chains.input} - [0:0]`, `-A ${chains.input} -j DROP`, 'COMMIT', ''].join('\n');
}

/** Name servers in a resolv.conf that a rule above would block: addresses of this host, and link-local ones (some clouds). */
export function protectedNameServers(resolvConf: string, ownAddresses: ReadonlySet<string>): readonly string[] {
  const addresses = [...resolvConf.matchAll(/^\s*nameserver\s+(\d+\.\d+\.\d+\.\d+)\s*$/gm)].map(
    (match) => match[1] ?? '',
  );
  return addresses.filter(
    (address) => !address.startsWith('127.') && (address.startsWith('169.254.') || ownAddresses.has(address)),
  );
}
