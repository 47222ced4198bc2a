import { type BlockList, isIP } from 'node:net';

/** A range of IP addresses in CIDR notation, or one address. */
export interface AddressRange {
  readonly address: string;
  readonly prefix: number;
  readonly family: 'ipv4' | 'ipv6';
}

/** Parses `10.0.0.0/8`, `2001:db8::/32` or `192.0.2.7`. Null for text that is no range. */
export function parseAddressRange(text: string): AddressRange | null {
  const match = /^([0-9a-f:.]+)(?:\/(\d{1,3}))?$/i.exec(text);
  const [, address = '', digits] = match ?? [];
  const version = isIP(address);
  if (version === 0) return null;
  const bits = version === 4 ? 32 : 128;
  const prefix = digits === undefined ? bits : Number(digits);
  return prefix > bits ? null : { address, prefix, family: version === 4 ? 'ipv4' : 'ipv6' };
}

export function addRange(list: BlockList, { address, prefix, family }: AddressRange): void {
  list.addSubnet(address, prefix, family);
}

/**
 * The canonical form of a socket's address: an IPv4 address also when the socket is an IPv6 one, and without a zone.
 * Empty when there is none.
 */
export function plainAddress(address: string | undefined): string {
  if (address === undefined) return '';
  const zone = address.indexOf('%');
  const bare = zone === -1 ? address : address.slice(0, zone);
  const isMapped = /^::ffff:\d/i.test(bare) && isIP(bare.slice(7)) === 4;
  return isMapped ? bare.slice(7) : bare;
}
