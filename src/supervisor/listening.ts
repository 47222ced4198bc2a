import type { Engine } from '../domain/engine.ts';

/** A socket on which a process of the instance listens. */
export interface Listener {
  readonly address: string;
  readonly port: number;
}

const askMs = 3000;
const maxBytes = 256 * 1024;
const listenState = '0A';
/** Docker's DNS server in every container of a network. Its ports are not the app's. */
const engineResolver = '127.0.0.11';

/**
 * Where the processes of a running container listen; null when the container cannot answer, for example an image without
 * `cat`. The container can forge the answer: use it to help its owner only, and base no decision on it.
 */
export async function listenersIn(engine: Engine, containerId: string): Promise<readonly Listener[] | null> {
  const request = { argv: ['cat', '/proc/net/tcp', '/proc/net/tcp6'], maxBytes };
  try {
    const { stdout } = await engine.containers.runInside(containerId, request, AbortSignal.timeout(askMs));
    // Without IPv6 the second file is missing and cat fails; the first is printed all the same.
    return stdout.includes('local_address') ? parseListeners(stdout) : null;
  } catch {
    return null;
  }
}

/** The listening sockets in the kernel's tables (proc_pid_net(5)), each once, sorted by port. */
export function parseListeners(tables: string): readonly Listener[] {
  const found = tables.split('\n').flatMap((line): readonly Listener[] => {
    const [, local = '', , state] = line.trim().split(/\s+/);
    const match = /^([0-9A-F]{8}|[0-9A-F]{32}):([0-9A-F]{4})$/.exec(local);
    if (!match?.[1] || !match[2] || state !== listenState) return [];
    return [{ address: addressOf(match[1]), port: Number.parseInt(match[2], 16) }];
  });
  const unique = new Map(found.map((listener) => [`${listener.address} ${listener.port}`, listener]));
  return [...unique.values()].filter(({ address }) => address !== engineResolver).sort((a, b) => a.port - b.port);
}

/** Continues "web.1 did not answer on port 5000: " with where it listens instead. */
export function insteadOf(ports: readonly number[], listeners: readonly Listener[]): string {
  if (listeners.length === 0) return 'it listens on no port';
  const here = listeners.filter(({ port }) => ports.includes(port));
  if (here.some(({ address }) => address === '0.0.0.0')) return 'it began to listen there only now';
  if (here.length > 0) return `it listens there on ${list([...new Set(here.map(({ address }) => address))])} only`;
  const others = [...new Set(listeners.map(({ port }) => String(port)))];
  return `it listens on port${others.length > 1 ? 's' : ''} ${list(others)} instead`;
}

function list(words: readonly string[]): string {
  return words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} and ${words.at(-1)}`;
}

/** The kernel prints four-byte words in the machine's byte order: little-endian on every processor that we support. */
function addressOf(hex: string): string {
  const bytes = (hex.match(/.{8}/g) ?? []).flatMap((word) => [...Buffer.from(word, 'hex')].reverse());
  if (bytes.length === 4) return bytes.join('.');
  const isMapped = bytes.slice(0, 10).every((byte) => byte === 0) && bytes[10] === 255 && bytes[11] === 255;
  if (isMapped) return bytes.slice(12).join('.');
  const groups = Array.from({ length: 8 }, (_, i) =>
    (((bytes[2 * i] ?? 0) << 8) | (bytes[2 * i + 1] ?? 0)).toString(16),
  );
  // The URL parser shortens an IPv6 address (RFC 5952).
  return new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1);
}
