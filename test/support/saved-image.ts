import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { extract } from 'tar-stream';
import { testDockerHost } from './engine-fixture.ts';

/**
 * An image as `docker save` writes it, as one buffer to search in: its configuration, and the layers with these diffIds
 * (default: all).
 */
export async function readSavedImage(imageId: string, diffIds?: readonly string[]): Promise<Buffer> {
  const socketPath = testDockerHost().replace(/^unix:\/\//, '');
  const asking = request({ socketPath, path: `/images/${imageId}/get` });
  asking.end();
  const [answer] = (await once(asking, 'response')) as [IncomingMessage];
  if (answer.statusCode !== 200) throw new Error(`the engine answered ${answer.statusCode} for ${imageId}`);
  const parts: Buffer[] = [];
  for await (const entry of answer.pipe(extract())) {
    const content = await buffer(entry as unknown as AsyncIterable<Buffer>);
    const isLayer = content.subarray(257, 262).toString() === 'ustar';
    const diffId = `sha256:${createHash('sha256').update(content).digest('hex')}`;
    if (!isLayer || diffIds === undefined || diffIds.includes(diffId)) parts.push(content);
  }
  return Buffer.concat(parts);
}
