import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';
import { plainAddress } from '../system/address-range.ts';

/**
 * The client of a request that came through the resolver: the last hop in X-Forwarded-For, which the resolver writes
 * itself. Of an IPv6 address only its /64, because one client has all of it. Null for a request from this machine.
 */
export function clientOf({ headers }: Pick<IncomingMessage, 'headers'>): string | null {
  const hops = headers['x-forwarded-for'];
  const address = plainAddress(
    String(hops ?? '')
      .split(',')
      .at(-1)
      ?.trim(),
  );
  if (isIP(address) === 4) return address;
  if (isIP(address) === 0) return null;
  const [before = '', after] = address.toLowerCase().split('::');
  const head = before.split(':').filter((group) => group !== '');
  const tail = (after ?? '').split(':').filter((group) => group !== '');
  const zeros = after === undefined ? 0 : 8 - head.length - tail.length;
  const groups = [...head, ...Array.from({ length: zeros }, () => '0'), ...tail].slice(0, 4);
  return `${groups.map((group) => group.replace(/^0+(?=.)/, '')).join(':')}::/64`;
}
