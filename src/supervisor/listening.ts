import type { Engine } from '../domain/engine.ts';

/** Where a process of the instance waits for connections. */
export interface Listener {
  readonly address: string;
  readonly port: number;
}

const askMs = 3000;
const maxBytes = 256 * 1024;
const inState = '0A';
/** Docker's resolver of names, which lives in every container of a network (its ports are no app's). */
const engineResolver = '127.0.0.11';

/**
 * Where the processes of a running container listen; null when the container cannot say, as an image without `cat`. What
 * it says is its own word: fit to help its owner, and nothing to decide on.
 */
export async function listenersIn(engine: Engine, containerId: string): Promise<readonly Listener[] | null> {
  const request = { argv: ['cat', '/proc/net/tcp', '/proc/net/tcp6'], maxBytes };
  try {
    const { stdout } = await engine.containers.runInside(containerId, request, AbortSignal.timeout(askMs));
    // Without IPv6 there is no second file, and cat says so by its exit code; the first is there all the same.
    return stdout.includes('local_address') ? parseListeners(stdout) : null;
  } catch {
    return null;
  }
}

/** Sockets that listen, out of the kernel's tables (proc_pid_net(5)), each once, by port. */
export function parseListeners(tables: string): readonly Listener[] {
  const found = tables.split('\n').flatMap((line): readonly Listener[] => {
    const [, local = '', , state] = line.trim().split(/\s+/);
    const match = /^([0-9A-F]{8}|[0-9A-F]{32}):([0-9A-F]{4})$/.exec(local);
    if (!match?.[1] || !match[2] || state !== inState) return [];
    return [{ address: addressOf(match[1]), port: Number.parseInt(match[2], 16) }];
  });
  const each = new Map(found.map((listener) => [`${listener.address} ${listener.port}`, listener]));
  return [...each.values()].filter(({ address }) => address !== engineResolver).sort((a, b) => a.port - b.port);
}

/** What it does instead of listening on the port, to go on after "web.1 did not answer on port 5000": "it listens …". */
export function insteadOf(port: number, listeners: readonly Listener[]): string {
  if (listeners.length === 0) return 'it listens on no port';
  const here = listeners.filter((listener) => listener.port === port);
  if (here.some(({ address }) => address === '0.0.0.0')) return 'it began to listen there only now';
  if (here.length > 0) return `it listens there on ${list(here.map(({ address }) => address))} only`;
  const ports = [...new Set(listeners.map((listener) => String(listener.port)))];
  return `it listens on port${ports.length > 1 ? 's' : ''} ${list(ports)} instead`;
}

function list(words: readonly string[]): string {
  return words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} and ${words.at(-1)}`;
}

/** Four-byte words in the machine's order, which is little-endian on every processor that we run on. */
function addressOf(hex: string): string {
  const bytes = (hex.match(/.{8}/g) ?? []).flatMap((word) => [...Buffer.from(word, 'hex')].reverse());
  if (bytes.length === 4) return bytes.join('.');
  const isMapped = bytes.slice(0, 10).every((byte) => byte === 0) && bytes[10] === 255 && bytes[11] === 255;
  if (isMapped) return bytes.slice(12).join('.');
  const groups = Array.from({ length: 8 }, (_, i) =>
    (((bytes[2 * i] ?? 0) << 8) | (bytes[2 * i + 1] ?? 0)).toString(16),
  );
  // The URL parser shortens an address as everybody writes it.
  return new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1);
}
