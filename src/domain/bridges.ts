import { createHash, randomBytes } from 'node:crypto';

/**
 * The prefix of the interface names of one platform's bridges. One firewall rule covers all of them, those made later too.
 * An interface name has at most 15 characters (IFNAMSIZ).
 */
export function bridgePrefix(platformId: string): string {
  return `pb${createHash('sha256').update(platformId).digest('hex').slice(0, 6)}`;
}

/** The name is random, because the engine would reuse a leftover interface of the same name with another subnet's address. */
export function newBridgeName(platformId: string): string {
  return bridgePrefix(platformId) + randomBytes(4).toString('hex').slice(0, 7);
}
