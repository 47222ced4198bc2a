import { createHash, randomBytes } from 'node:crypto';

/**
 * The beginning of every bridge's interface name of one platform, so that one firewall rule covers the bridges that are
 * there and those to come. A name has 15 characters at most (IFNAMSIZ).
 */
export function bridgePrefix(platformId: string): string {
  return `pb${createHash('sha256').update(platformId).digest('hex').slice(0, 6)}`;
}

/** Random, because the engine would take over a left-behind interface of the same name with another subnet's address. */
export function newBridgeName(platformId: string): string {
  return bridgePrefix(platformId) + randomBytes(4).toString('hex').slice(0, 7);
}
