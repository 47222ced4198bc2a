import type { IncomingMessage } from 'node:http';
import type { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';

/**
 * The body, decompressed when the client sent it gzipped. Null for an encoding that git does not use. A body that
 * breaks off or is not gzip is an error of the stream. Destroying the stream leaves the connection open.
 */
export function decodedBody(req: IncomingMessage): Readable | null {
  const encoding = (req.headers['content-encoding'] ?? 'identity').trim().toLowerCase();
  if (encoding === 'identity' || encoding === '') return req;
  if (encoding !== 'gzip' && encoding !== 'x-gzip') return null;
  const gunzip = createGunzip();
  // `pipeline` would destroy the request together with gunzip, and so the answer. Errors are passed on by hand instead.
  req.once('error', (error) => gunzip.destroy(error));
  req.once('close', () => {
    if (!req.readableEnded) gunzip.destroy(new Error('The request was broken off.'));
  });
  gunzip.once('close', () => req.unpipe(gunzip).resume());
  return req.pipe(gunzip);
}
