import type { IncomingMessage } from 'node:http';
import { hopByHop, namedInConnection } from './hop-by-hop.ts';

/** The head of an instance's response as the client gets it. */
export interface ResponseHead {
  /** Names and values alternate. */
  readonly headers: string[];
  /** How long the instance keeps an idle connection. Null when it does not say. */
  readonly keepAliveMs: number | null;
}

/**
 * Keeps all fields except those that concern our connection to the instance only. The framing stays as the instance
 * wrote it, except for an HTTP/1.0 client, which cannot read chunks: for it the end of the connection ends the message.
 */
export function responseHead(response: IncomingMessage, toHttp10: boolean): ResponseHead {
  const { rawHeaders } = response;
  const named = namedInConnection(response.headers.connection);
  const chunked = response.headers['transfer-encoding'] !== undefined && !toHttp10;
  const headers: string[] = [];
  const lengths: string[] = [];
  let keepAliveMs: number | null = null;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] ?? '';
    const value = rawHeaders[at + 1] ?? '';
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

function keepAliveOf(value: string): number | null {
  const seconds = /timeout=(\d{1,6})/i.exec(value)?.[1];
  return seconds === undefined ? null : Number(seconds) * 1000;
}
