import { isIPv4 } from 'node:net';

export interface ProxyV2 {
  readonly address: string;
  /** The address that the client connected to. */
  readonly port: number;
  /** Flags of the client's TLS; no field on it when absent. */
  readonly tls?: number;
  readonly version?: number;
  readonly command?: number;
  readonly family?: number;
  /** Replaces the correct bytes. */
  readonly body?: Buffer;
  readonly fields?: Buffer;
}

/** A header of the PROXY protocol, version 2, as a proxy writes it. */
export function proxyV2(header: ProxyV2): Buffer {
  const { address, port, tls, version = 2, command = 1, family = isIPv4(address) ? 0x11 : 0x21 } = header;
  const ports = Buffer.alloc(4);
  ports.writeUInt16BE(56_324, 0);
  ports.writeUInt16BE(port, 2);
  const tlsField = tls === undefined ? [] : [0x20, 0, 5, tls, 0, 0, 0, 0];
  const fields = header.fields ?? Buffer.from([0x04, 0, 2, 0, 0, ...tlsField]);
  const from = bytesOf(address);
  const body = header.body ?? Buffer.concat([from, Buffer.alloc(from.length, 1), ports, fields]);
  const start = Buffer.from('\r\n\r\n\0\r\nQUIT\n\0\0\0\0', 'latin1');
  start[12] = (version << 4) | command;
  start[13] = family;
  start.writeUInt16BE(body.length, 14);
  return Buffer.concat([start, body]);
}

function bytesOf(address: string): Buffer {
  if (isIPv4(address)) return Buffer.from(address.split('.').map(Number));
  const mapped = /^::ffff:([\d.]+)$/.exec(address)?.[1];
  if (mapped) return Buffer.concat([Buffer.alloc(10), Buffer.from([0xff, 0xff]), bytesOf(mapped)]);
  const [head = '', tail = ''] = address.split('::');
  const groups = (text: string) =>
    text.split(':').flatMap((group) => (group === '' ? [] : [Number.parseInt(group, 16)]));
  const [before, after] = [groups(head), groups(tail)];
  const all = [...before, ...Array.from({ length: 8 - before.length - after.length }, () => 0), ...after];
  return Buffer.from(all.flatMap((group) => [group >> 8, group & 0xff]));
}
