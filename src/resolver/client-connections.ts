import type { EventEmitter } from 'node:events';
import { BlockList, isIPv4, isIPv6 } from 'node:net';
import { plainAddress } from '../system/address-range.ts';

/**
 * Private ranges. A proxy or an address translation may stand there in front of the resolver, with all its clients
 * behind one address.
 */
const privateRanges = new BlockList();
for (const [network, prefix] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
] as const)
  privateRanges.addSubnet(network, prefix, 'ipv4');
for (const [network, prefix] of [
  ['::1', 128],
  ['fc00::', 7],
  ['fe80::', 10],
] as const)
  privateRanges.addSubnet(network, prefix, 'ipv6');

/**
 * The client that a public address belongs to: the address itself in IPv4, its /64 in IPv6, because one client has the
 * whole /64. Null for an address of a private network and for a missing one.
 */
export function publicClient(address: string | undefined): string | null {
  const bare = plainAddress(address);
  if (isIPv4(bare)) return privateRanges.check(bare, 'ipv4') ? null : bare;
  if (!isIPv6(bare) || privateRanges.check(bare, 'ipv6')) return null;
  const [before = '', after] = bare.split('::');
  const head = before.split(':').filter((group) => group !== '');
  const tail = (after ?? '').split(':').filter((group) => group !== '');
  const zeros = after === undefined ? 0 : 8 - head.length - tail.length;
  return [...head, ...Array.from({ length: zeros }, () => '0'), ...tail].slice(0, 4).join(':');
}

/**
 * Counts the open connections of each public client, or its open requests when it is behind a proxy. The limit keeps
 * one client from taking all connections.
 */
export class ClientConnections {
  readonly #limit: number;
  readonly #open = new Map<string, number>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  /**
   * Counts a connection or a request from the address until it emits `close`. False when its client has reached the
   * limit.
   */
  admit(address: string, open: EventEmitter): boolean {
    const client = publicClient(address);
    if (client === null) return true;
    const count = this.#open.get(client) ?? 0;
    if (count >= this.#limit) return false;
    this.#open.set(client, count + 1);
    open.once('close', () => {
      const left = (this.#open.get(client) ?? 1) - 1;
      if (left === 0) this.#open.delete(client);
      else this.#open.set(client, left);
    });
    return true;
  }
}
