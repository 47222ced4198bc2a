import type { IncomingHttpHeaders } from 'node:http';
import { BlockList, isIP, type Socket } from 'node:net';
import { addRange, parseAddressRange, plainAddress } from '../system/address-range.ts';
import { hostnameOf } from './hostname-index.ts';
import { type Client, readProxyHeader } from './proxy-header.ts';

/** The client of a request, and what a trusted proxy says about the request. */
export interface RequestClient extends Client {
  /** The port of the proxy and the host that the client asked for. Null when no trusted proxy says. */
  readonly port: string | null;
  readonly host: string | null;
}

/**
 * The proxies in front of the resolver that are believed about their clients, in the PROXY protocol and in X-Forwarded
 * fields. Nobody else is believed: the client of a request is then the other end of its connection.
 *
 * A proxy must set or extend the X-Forwarded fields: one that it passes on unchanged is its client's own and would be
 * believed. `Forwarded` (RFC 7239) is not read: most proxies set X-Forwarded fields only and pass on a `Forwarded` that
 * their client made up.
 */
export class TrustedProxies {
  readonly #ranges = new BlockList();
  readonly #hasRanges: boolean;
  /** The clients of the connections that came from a trusted proxy. */
  readonly #clients = new WeakMap<Socket, Client>();

  /** Addresses, and ranges in CIDR notation. */
  constructor(ranges: readonly string[]) {
    for (const text of ranges) {
      const range = parseAddressRange(text);
      if (range) addRange(this.#ranges, range);
    }
    this.#hasRanges = ranges.length > 0;
  }

  trusts(address: string): boolean {
    if (!this.#hasRanges) return false;
    const version = isIP(address);
    return version !== 0 && this.#ranges.check(address, version === 4 ? 'ipv4' : 'ipv6');
  }

  /**
   * Calls `serve` with the client behind the connection, once the next byte is the first one of a request: at once, or
   * for a trusted proxy once it is clear whether there is a PROXY header. Closes the connection when the header is
   * malformed or not complete within `timeoutMs`.
   */
  accept(socket: Socket, timeoutMs: number, serve: (client: Client) => void): void {
    const client: Client = { address: plainAddress(socket.remoteAddress), scheme: 'http' };
    if (this.trusts(client.address)) {
      this.#readHeader(socket, timeoutMs, (named) => {
        this.#clients.set(socket, named ?? client);
        serve(named ?? client);
      });
    } else serve(client);
  }

  /** Whether the connection is a proxy's own, and may carry requests of many clients. */
  isShared(socket: Socket): boolean {
    const client = this.#hasRanges ? this.#clients.get(socket) : undefined;
    return client !== undefined && this.trusts(client.address);
  }

  /** The client of a request on the connection. */
  clientOf(socket: Socket, headers: IncomingHttpHeaders): RequestClient {
    const client = this.#hasRanges ? this.#clients.get(socket) : undefined;
    if (!client) return { address: plainAddress(socket.remoteAddress), scheme: 'http', port: null, host: null };
    if (!this.trusts(client.address)) return { ...client, port: null, host: null };
    return this.#forwarded(client, headers);
  }

  #readHeader(socket: Socket, timeoutMs: number, serve: (named: Client | null) => void): void {
    const late = setTimeout(() => socket.destroy(), timeoutMs);
    const destroy = () => socket.destroy();
    const stopReading = () => {
      clearTimeout(late);
      socket.off('data', read).off('end', destroy).off('error', destroy).off('close', stopReading);
    };
    let bytes: Buffer = Buffer.alloc(0);
    const read = (chunk: Buffer) => {
      bytes = bytes.length === 0 ? chunk : Buffer.concat([bytes, chunk]);
      const header = readProxyHeader(bytes);
      if (header.kind === 'partial') return;
      stopReading();
      socket.pause();
      if (header.kind === 'malformed') {
        socket.destroy();
        return;
      }
      const named = header.kind === 'header' ? header.client : null;
      const rest = header.kind === 'header' ? bytes.subarray(header.length) : bytes;
      if (rest.length > 0) socket.unshift(rest);
      serve(named);
      socket.resume();
    };
    socket.on('data', read).on('end', destroy).on('error', destroy).on('close', stopReading);
  }

  /** Walks from the nearest hop towards the client, while each hop is named by one that is trusted. */
  #forwarded(nearest: Client, headers: IncomingHttpHeaders): RequestClient {
    const hops = listOf(headers['x-forwarded-for']);
    let { address } = nearest;
    let at = hops.length;
    while (at > 0 && this.trusts(address)) {
      const hop = addressOfHop(hops[at - 1] ?? '');
      if (hop === null) break;
      address = hop;
      at -= 1;
    }
    const schemes = listOf(headers['x-forwarded-proto']);
    // When each hop added to both lists, the client's scheme is at the position of its address. Otherwise the last
    // value counts.
    const scheme = schemeOf((schemes.length === hops.length ? schemes[at] : undefined) ?? schemes.at(-1));
    const port = listOf(headers['x-forwarded-port']).at(-1);
    const host = listOf(headers['x-forwarded-host']).at(-1);
    return {
      address,
      scheme: scheme ?? nearest.scheme,
      port: port !== undefined && isPort(port) ? port : null,
      host: host !== undefined && hostnameOf(host) !== null ? host : null,
    };
  }
}

/** Several fields of one name count as one list. */
function listOf(value: string | readonly string[] | undefined): readonly string[] {
  if (value === undefined) return [];
  return String(value)
    .split(',')
    .map((part) => part.trim());
}

/** The address of a hop, without the port that some proxies add. Null for `unknown` and for what is no address. */
function addressOfHop(hop: string): string | null {
  const [, bracketed, v4] = /^(?:\[([^\]]+)\](?::\d{1,5})?|([\d.]+):\d{1,5})$/.exec(hop) ?? [];
  const address = plainAddress(bracketed ?? v4 ?? hop);
  return isIP(address) === 0 ? null : address;
}

/** Some proxies send `ws` or `wss` for a WebSocket. */
function schemeOf(value: string | undefined): Client['scheme'] | null {
  switch (value?.toLowerCase()) {
    case 'https':
    case 'wss':
      return 'https';
    case 'http':
    case 'ws':
      return 'http';
    default:
      return null;
  }
}

function isPort(text: string): boolean {
  return /^\d{1,5}$/.test(text) && Number(text) >= 1 && Number(text) <= 65_535;
}
