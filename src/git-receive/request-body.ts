import type { IncomingMessage } from 'node:http';
import type { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';

/**
 * The body as git meant it: some clients send it gzipped. Null for an encoding that git does not use. Errors of the
 * body (broken off, no gzip) come as errors of the stream; destroying it does not touch the connection.
 */
export function decodedBody(req: IncomingMessage): Readable | null {
  const encoding = (req.headers['content-encoding'] ?? 'identity').trim().toLowerCase();
  if (encoding === 'identity' || encoding === '') return req;
  if (encoding !== 'gzip' && encoding !== 'x-gzip') return null;
  const gunzip = createGunzip();
  // pipeline would destroy the request with gunzip, and the answer with it; so errors are handed over by hand.
  req.once('error', (error) => gunzip.destroy(error));
  req.once('close', () => {
    if (!req.readableEnded) gunzip.destroy(new Error('The request was broken off.'));
  });
  gunzip.once('close', () => req.unpipe(gunzip).resume());
  return req.pipe(gunzip);
}
