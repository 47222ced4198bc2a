import { isIPv4, isIPv6 } from 'node:net';
import { appNetworkPrefix } from '../domain/app-network.ts';
import { type Block, formatBlock, parseBlock } from '../domain/subnets.ts';
import { plainAddress } from '../system/address-range.ts';

/** The operator, who is on this machine. */
const ownAddresses: ReadonlySet<string> = new Set(['127.0.0.1', '::1']);

export function isOwnAddress(address: string): boolean {
  return ownAddresses.has(plainAddress(address));
}

/**
 * Returns the function that says which client an address belongs to. One that has many addresses is one client: whoever has an
 * IPv6 address has its whole /64, and an app has its network in `networkPool`. Addresses of private networks are clients like
 * all others: a build, a container and a machine nearby can take as much as a stranger.
 */
export function clientsIn(networkPool: string): (address: string) => string {
  const pool = parseBlock(networkPool);
  return (address) => {
    const bare = plainAddress(address);
    if (isIPv4(bare)) return pool ? appNetworkOf(bare, pool) : bare;
    // All machines of a link are in its one /64, and each has one address there.
    return !isIPv6(bare) || /^(?:fe[89ab]|::)/i.test(bare) ? bare : networkOf(bare);
  };
}

function appNetworkOf(address: string, pool: Block): string {
  const own = parseBlock(`${address}/${appNetworkPrefix}`);
  const isInPool = own && own.first >= pool.first && own.first < pool.first + pool.size;
  return isInPool ? formatBlock(own) : address;
}

/** The /64 that the IPv6 address is in. */
function networkOf(address: string): string {
  const [before = '', after] = address.split('::');
  const head = before.split(':').filter((group) => group !== '');
  const tail = (after ?? '').split(':').filter((group) => group !== '');
  const zeros = after === undefined ? 0 : 8 - head.length - tail.length;
  return [...head, ...Array.from({ length: zeros }, () => '0'), ...tail].slice(0, 4).join(':');
}
