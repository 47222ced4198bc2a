import { createHash } from 'node:crypto';
import { BlockList } from 'node:net';
import { bridgePrefix } from '../domain/bridges.ts';
import type { FirewallRules } from '../domain/host-hands.ts';
import { addRange, parseAddressRange } from '../system/address-range.ts';

/** The chains of one platform. Their names contain a hash of its id, so that platforms on one machine do not conflict. */
export interface FirewallChains {
  /** For packets from containers to the host itself. */
  readonly input: string;
  /** For packets from containers through the host. */
  readonly forward: string;
  /** For packets from the engine's default bridge, where Dockerfile steps run and other people's containers. */
  readonly steps: string;
  /** Refuses packets to denied networks. */
  readonly deny: string;
  /** For the first packets of connections from containers. Not replaced without need: its counters are of its rules. */
  readonly limit: string;
  /** The beginning of the names of the kernel's tables of rates, shared by all platforms on the machine. */
  readonly bucket: string;
  /** Matches all bridges of the platform, later ones too (iptables: a trailing `+` matches any interface with this prefix). */
  readonly bridges: string;
}

export function chainsOf(platformId: string): FirewallChains {
  const own = createHash('sha256').update(platformId).digest('hex').slice(0, 8);
  return {
    input: `PAAS-IN-${own}`,
    forward: `PAAS-FWD-${own}`,
    steps: `PAAS-STP-${own}`,
    deny: `PAAS-NET-${own}`,
    limit: `PAAS-LIM-${own}`,
    bucket: `paas${own}`,
    bridges: `${bridgePrefix(platformId)}+`,
  };
}

const linkLocal = '169.254.0.0/16';

export interface RuleFacts {
  /** Servers to which the engine forwards DNS queries of containers, and which a rule would block. */
  readonly nameServers: readonly string[];
  /** Whether packets between the ports of one bridge pass the firewall too. */
  readonly seesBridged: boolean;
  readonly denied: FirewallRules['denied'];
  readonly exceptions: FirewallRules['exceptions'];
}

/**
 * The content of the chains for `iptables-restore --noflush`, which replaces it in one step. The host's programs reach
 * containers and get their answers. Containers reach neither the host, nor another network of the platform, nor a metadata
 * service. The engine keeps networks apart too, but its rules are gone for a moment when it restarts or the firewall is
 * reloaded. What may pass is counted in the chain `limit`.
 */
export function restoreInput(chains: FirewallChains, facts: RuleFacts): string {
  const { nameServers, seesBridged } = facts;
  const { input, forward, steps, deny, limit, bridges } = chains;
  const queries = (chain: string, targets: readonly string[]) =>
    nameServers.flatMap((address) =>
      ['udp', 'tcp'].flatMap((protocol) =>
        targets.map((target) => `-A ${chain} -d ${address} -p ${protocol} --dport 53 -j ${target}`),
      ),
    );
  const bridged = [limit, 'RETURN'].map((target) => `-A ${forward} -m physdev --physdev-is-bridged -j ${target}`);
  return [
    '*filter',
    `:${input} - [0:0]`,
    `:${forward} - [0:0]`,
    `:${steps} - [0:0]`,
    `:${deny} - [0:0]`,
    ...denials(deny, facts),
    `-A ${input} -m conntrack --ctstate RELATED,ESTABLISHED -j RETURN`,
    ...queries(input, [limit, 'RETURN']),
    `-A ${input} -j DROP`,
    ...queries(forward, [limit, 'RETURN']),
    `-A ${forward} -d ${linkLocal} -j DROP`,
    ...(seesBridged ? bridged : []),
    `-A ${forward} -o ${bridges} -j DROP`,
    `-A ${forward} -j ${deny}`,
    `-A ${forward} -j ${limit}`,
    ...queries(steps, ['RETURN']),
    `-A ${steps} -d ${linkLocal} -j DROP`,
    'COMMIT',
    '',
  ].join('\n');
}

/**
 * Refuses packets to denied networks but from those that may reach them; open connections end too. A refusal is an answer,
 * so that a program reads "no route to host" at once and does not wait.
 */
function denials(chain: string, { denied, exceptions }: Pick<RuleFacts, 'denied' | 'exceptions'>): readonly string[] {
  const networks = denied.filter((network) => !network.includes(':'));
  return [
    ...exceptions.map(({ subnet, network }) => `-A ${chain} -s ${subnet} -d ${network} -j RETURN`),
    ...networks.map((network) => `-A ${chain} -d ${network} -j REJECT --reject-with icmp-admin-prohibited`),
  ];
}

/** One chain and its rules, for `iptables-restore --noflush`. */
export function restoreChain(chain: string, rules: readonly string[]): string {
  return ['*filter', `:${chain} - [0:0]`, ...rules, 'COMMIT', ''].join('\n');
}

/** The same for IPv6, which the platform's networks do not have: no packet leaves their bridges. */
export function restoreInput6({ input, forward, bridges }: FirewallChains): string {
  const rules = [`-A ${input} -j DROP`, `-A ${forward} ! -o ${bridges} -j DROP`];
  return ['*filter', `:${input} - [0:0]`, `:${forward} - [0:0]`, ...rules, 'COMMIT', ''].join('\n');
}

export interface Blocked {
  /** Of this host. */
  readonly addresses: ReadonlySet<string>;
  readonly denied: FirewallRules['denied'];
}

/** Name servers in a resolv.conf that a rule above would block: in `blocked`, and link-local ones (some clouds). */
export function blockedNameServers(resolvConf: string, blocked: Blocked): readonly string[] {
  const networks = new BlockList();
  for (const network of [linkLocal, ...blocked.denied]) {
    const range = parseAddressRange(network);
    if (range) addRange(networks, range);
  }
  const addresses = [...resolvConf.matchAll(/^\s*nameserver\s+(\d+\.\d+\.\d+\.\d+)\s*$/gm)].map(
    (match) => match[1] ?? '',
  );
  return addresses.filter(
    (address) => !address.startsWith('127.') && (networks.check(address) || blocked.addresses.has(address)),
  );
}
