import { isIPv4, isIPv6 } from 'node:net';
import { plainAddress } from '../system/address-range.ts';

/** The client at the other end of a connection, or behind the proxy there. */
export interface Client {
  readonly address: string;
  readonly scheme: 'http' | 'https';
}

/**
 * What the first bytes of a connection hold. `none`: no PROXY header. `partial`: more bytes are needed to decide.
 * `client` is null when the header names none: a health check of the proxy, or a client of another kind.
 */
export type ProxyHeader =
  | { readonly kind: 'none' | 'partial' | 'malformed' }
  | { readonly kind: 'header'; readonly length: number; readonly client: Client | null };

const none: ProxyHeader = { kind: 'none' };
const partial: ProxyHeader = { kind: 'partial' };
const malformed: ProxyHeader = { kind: 'malformed' };

const textStart = Buffer.from('PROXY ');
const binaryStart = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');
/** Including the end of the line. */
const maxTextBytes = 107;
const fixedBytes = 16;
/** The protocol allows 64 KiB; proxies send some hundred bytes. */
const maxBinaryBytes = 4_096;
const tlvOfTls = 0x20;
const usedTls = 0x01;

/** Reads the header of the PROXY protocol, version 1 or 2 (haproxy.org, proxy-protocol.txt). */
export function readProxyHeader(bytes: Buffer): ProxyHeader {
  if (startsAs(bytes, textStart)) return bytes.length < textStart.length ? partial : readText(bytes);
  if (startsAs(bytes, binaryStart)) return bytes.length < fixedBytes ? partial : readBinary(bytes);
  return none;
}

/** Whether the bytes begin with `start`, or are themselves a beginning of it. */
function startsAs(bytes: Buffer, start: Buffer): boolean {
  const length = Math.min(bytes.length, start.length);
  return bytes.compare(start, 0, length, 0, length) === 0;
}

function readText(bytes: Buffer): ProxyHeader {
  const end = bytes.subarray(0, maxTextBytes).indexOf('\r\n');
  if (end === -1) return bytes.length < maxTextBytes ? partial : malformed;
  const [, family, from = '', to = '', fromPort = '', toPort = '', ...more] = bytes
    .toString('latin1', 0, end)
    .split(' ');
  const length = end + 2;
  if (family === 'UNKNOWN') return { kind: 'header', length, client: null };
  const isAddress = family === 'TCP4' ? isIPv4 : family === 'TCP6' ? isIPv6 : () => false;
  const isWhole = isAddress(from) && isAddress(to) && isPort(fromPort) && isPort(toPort) && more.length === 0;
  return isWhole ? { kind: 'header', length, client: clientOf(plainAddress(from), Number(toPort), false) } : malformed;
}

function isPort(text: string): boolean {
  return /^(?:0|[1-9]\d{0,4})$/.test(text) && Number(text) <= 65_535;
}

function readBinary(bytes: Buffer): ProxyHeader {
  const [versionAndCommand = 0, family = 0] = bytes.subarray(12, 14);
  const length = fixedBytes + bytes.readUInt16BE(14);
  const command = versionAndCommand & 0x0f;
  if (versionAndCommand >> 4 !== 2 || command > 1 || length > maxBinaryBytes) return malformed;
  if (bytes.length < length) return partial;
  const body = bytes.subarray(fixedBytes, length);
  const addressBytes = family === 0x11 ? 4 : family === 0x21 ? 16 : null;
  if (command === 0 || addressBytes === null) return { kind: 'header', length, client: null };
  const portsAt = 2 * addressBytes;
  if (body.length < portsAt + 4) return malformed;
  const overTls = readTls(body.subarray(portsAt + 4));
  if (overTls === null) return malformed;
  const address = addressOf(body.subarray(0, addressBytes));
  return { kind: 'header', length, client: clientOf(address, body.readUInt16BE(portsAt + 2), overTls) };
}

/** Whether the client used TLS, according to the fields behind the addresses. Null when these are malformed. */
function readTls(fields: Buffer): boolean | null {
  let overTls = false;
  let at = 0;
  while (at < fields.length) {
    if (at + 3 > fields.length) return null;
    const end = at + 3 + fields.readUInt16BE(at + 1);
    if (end > fields.length) return null;
    if (fields[at] === tlvOfTls) {
      if (end - at < 3 + 5) return null;
      overTls = ((fields[at + 3] ?? 0) & usedTls) !== 0;
    }
    at = end;
  }
  return overTls;
}

const mappedStart = Buffer.from([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff]);

function addressOf(bytes: Buffer): string {
  if (bytes.length === 4) return bytes.join('.');
  if (startsAs(bytes, mappedStart)) return bytes.subarray(12).join('.');
  const groups = Array.from({ length: 8 }, (_, at) => bytes.readUInt16BE(2 * at).toString(16));
  return new URL(`http://[${groups.join(':')}]/`).hostname.slice(1, -1);
}

/** Version 1 cannot say that the client used TLS, and some senders of version 2 do not. Port 443 has no other use. */
function clientOf(address: string, port: number, overTls: boolean): Client {
  return { address, scheme: overTls || port === 443 ? 'https' : 'http' };
}
