import { PlatformError } from './errors.ts';

/** A block of IPv4 addresses: the first address as a number, and the number of addresses. */
export interface Block {
  readonly first: number;
  readonly size: number;
}

/** Parses `10.210.0.0/16`. Null for any other text, IPv6 too. Clears the bits after the prefix. */
export function parseBlock(text: string): Block | null {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})\/(\d{1,2})$/.exec(text);
  if (match === null) return null;
  const [a = 0, b = 0, c = 0, d = 0, prefix = 0] = match.slice(1).map(Number);
  if (prefix > 32 || [a, b, c, d].some((byte) => byte > 255)) return null;
  const size = 2 ** (32 - prefix);
  const address = ((a * 256 + b) * 256 + c) * 256 + d;
  return { first: address - (address % size), size };
}

export function formatBlock(block: Block): string {
  return `${formatAddress(block.first)}/${32 - Math.log2(block.size)}`;
}

export function formatAddress(address: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(address / 2 ** shift) % 256).join('.');
}

function overlaps(a: Block, b: Block): boolean {
  return a.first < b.first + b.size && b.first < a.first + a.size;
}

/**
 * Finds a block of `prefixLength` in `pool` that overlaps nothing in `taken`. `seed` decides where the search begins, so
 * that two platforms with the same pool rarely choose the same block at the same time. Throws `no_capacity` if the pool is
 * used up, and `invalid_params` if it is not a valid pool.
 */
export function freeBlock(
  pool: { readonly range: string; readonly prefixLength: number },
  taken: readonly Block[],
  seed: number,
): Block {
  const range = parseBlock(pool.range);
  const size = 2 ** (32 - pool.prefixLength);
  if (range === null || pool.prefixLength < 8 || pool.prefixLength > 30 || size > range.size) {
    throw new PlatformError('invalid_params', `No network of /${pool.prefixLength} can be cut from "${pool.range}".`, {
      hint: 'Set PAAS_NETWORK_POOL to a private range, 10.210.0.0/16 for instance.',
    });
  }
  const count = range.size / size;
  const inRange = taken.filter((block) => overlaps(block, range));
  for (let tried = 0; tried < count; tried++) {
    const candidate = { first: range.first + ((seed + tried) % count) * size, size };
    if (!inRange.some((block) => overlaps(block, candidate))) return candidate;
  }
  throw new PlatformError('no_capacity', `All ${count} networks of the pool ${pool.range} are taken.`, {
    hint: 'Set PAAS_NETWORK_POOL to a larger private range, or remove apps that are not used.',
  });
}
