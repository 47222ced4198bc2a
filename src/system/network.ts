import { isIPv4 } from 'node:net';
import { type AddressRange, parseAddressRange } from './address-range.ts';

/**
 * Reads a network in CIDR notation, into one form for each network: `10.0.5.0/24`, `fd00::/8`, or one address. Unlike a range, it may have no bits behind its prefix: those
 * are a mistake in most cases. `mistake` says what it must be, after "must be".
 */
export function readNetwork(
  text: string,
): { readonly network: string; readonly range: AddressRange } | { readonly mistake: string } {
  const range = parseAddressRange(text);
  if (range === null) return { mistake: 'a network such as 10.0.0.0/8, fd00::/8 or 192.0.2.7' };
  const first = firstAddress(range);
  const network = `${first}/${range.prefix}`;
  if (first !== canonical(range.address)) return { mistake: `${network}, or another prefix for ${range.address}` };
  return { network, range: { ...range, address: first } };
}

function firstAddress({ address, prefix }: AddressRange): string {
  const bytes = bytesOf(address);
  for (let bit = prefix; bit < bytes.length * 8; bit++) {
    const index = bit >> 3;
    bytes[index] = (bytes[index] ?? 0) & ~(128 >> (bit & 7));
  }
  return textOf(bytes);
}

function canonical(address: string): string {
  return textOf(bytesOf(address));
}

function bytesOf(address: string): number[] {
  if (isIPv4(address)) return address.split('.').map(Number);
  // The URL parser knows every form of an IPv6 address (WHATWG URL, RFC 5952), `::ffff:1.2.3.4` too.
  const [head = '', tail] = new URL(`http://[${address}]`).hostname.slice(1, -1).split('::');
  const groups = (part: string) => (part === '' ? [] : part.split(':').map((group) => Number.parseInt(group, 16)));
  const [before, after] = [groups(head), groups(tail ?? '')];
  const zeros = new Array<number>(8 - before.length - after.length).fill(0);
  return [...before, ...zeros, ...after].flatMap((group) => [group >> 8, group & 255]);
}

function textOf(bytes: readonly number[]): string {
  if (bytes.length === 4) return bytes.join('.');
  const groups = Array.from({ length: 8 }, (_, index) => ((bytes[2 * index] ?? 0) << 8) | (bytes[2 * index + 1] ?? 0));
  return new URL(`http://[${groups.map((group) => group.toString(16)).join(':')}]`).hostname.slice(1, -1);
}
