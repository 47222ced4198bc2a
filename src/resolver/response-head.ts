import type { AnswerHead } from './answer-head.ts';
import { hopByHop, namedInConnection } from './hop-by-hop.ts';

/** The head of an instance's answer as the client gets it. */
export interface ResponseHead {
  /** Names and values alternate. */
  readonly headers: string[];
  /** How long the instance keeps an idle connection. Null when it does not say. */
  readonly keepAliveMs: number | null;
}

/** Fields that would change how a message is read, and so mean nothing behind its body (RFC 9110 6.5.1). */
const neverTrailers: ReadonlySet<string> = new Set([
  'content-length',
  'transfer-encoding',
  'trailer',
  'host',
  'te',
  'set-cookie',
]);

/**
 * Keeps all fields except those that concern our connection to the instance only. The framing stays as the instance
 * wrote it, except for an HTTP/1.0 client, which cannot read chunks: for it the end of the connection ends the message.
 */
export function responseHead({ fields }: Pick<AnswerHead, 'fields'>, toHttp10: boolean): ResponseHead {
  const named = namedInConnection(joined(fields, 'connection'));
  const chunked = !toHttp10 && joined(fields, 'transfer-encoding') !== undefined;
  const headers: string[] = [];
  const lengths: string[] = [];
  let keepAliveMs: number | null = null;
  for (let at = 0; at < fields.length; at += 2) {
    const name = fields[at] ?? '';
    const value = fields[at + 1] ?? '';
    const key = name.toLowerCase();
    if (key === 'keep-alive') keepAliveMs = keepAliveOf(value);
    if (hopByHop.has(key) || named?.has(key)) continue;
    if (!chunked && (key === 'transfer-encoding' || key === 'trailer')) continue;
    (key === 'content-length' ? lengths : headers).push(name, value);
  }
  // Behind a Content-Length, Node would read the bytes of a Content-Disposition as UTF-8.
  headers.push('Via', '1.1 paas', ...lengths);
  return { headers, keepAliveMs };
}

/** The fields of an answer's trailers that the client gets, in pairs of name and value. */
export function responseTrailers(fields: readonly string[]): [string, string][] {
  const trailers: [string, string][] = [];
  for (let at = 0; at < fields.length; at += 2) {
    const name = fields[at] ?? '';
    const key = name.toLowerCase();
    if (!neverTrailers.has(key) && !hopByHop.has(key)) trailers.push([name, fields[at + 1] ?? '']);
  }
  return trailers;
}

function joined(fields: readonly string[], key: string): string | undefined {
  let found: string | undefined;
  for (let at = 0; at < fields.length; at += 2) {
    const name = fields[at] ?? '';
    if (name.length !== key.length || name.toLowerCase() !== key) continue;
    found = found === undefined ? fields[at + 1] : `${found}, ${fields[at + 1]}`;
  }
  return found;
}

function keepAliveOf(value: string): number | null {
  const seconds = /timeout=(\d{1,6})/i.exec(value)?.[1];
  return seconds === undefined ? null : Number(seconds) * 1000;
}
