import { readFile } from 'node:fs/promises';
import type { Block } from '../domain/subnets.ts';

/** Destinations of this machine's routes, except the default route. Empty on a machine that is not Linux. */
export async function hostRoutes(): Promise<readonly Block[]> {
  try {
    return parseRoutes(await readFile('/proc/net/route', 'utf8'));
  } catch (error) {
    // Not a Linux machine. Then the engine has another kernel with its own routes.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

/** Bridges of the engine and of the platform, whose networks the firewall keeps apart (domain/bridges.ts), and loopback. */
const ownDevice = /^(docker0|br-[0-9a-f]{12}|docker_gwbridge|pb[0-9a-f]{13}|lo)$/;

/** See HostHands.reachableNetworks. */
export async function reachableNetworks(): Promise<readonly Block[]> {
  const table = await readFile('/proc/net/route', 'utf8').catch(() => '');
  return parseRoutes(table, (device) => !ownDevice.test(device));
}

/** The kernel prints addresses as hexadecimal numbers in its byte order (proc(5)), which is little-endian on amd64 and arm64. */
export function parseRoutes(table: string, isMeant: (device: string) => boolean = () => true): readonly Block[] {
  const blocks: Block[] = [];
  for (const row of table.split('\n').slice(1)) {
    const columns = row.split('\t');
    const destination = littleEndian(columns[1]);
    const mask = littleEndian(columns[7]);
    if (!isMeant(columns[0] ?? '')) continue;
    if (destination === null || mask === null || mask === 0) continue;
    blocks.push({ first: destination, size: 2 ** 32 - mask });
  }
  return blocks;
}

function littleEndian(hex: string | undefined): number | null {
  const text = hex?.trim() ?? '';
  return /^[0-9A-F]{8}$/i.test(text) ? Buffer.from(text, 'hex').readUInt32LE() : null;
}
