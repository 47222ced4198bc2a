import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { text } from 'node:stream/consumers';
import { testDockerHost } from './engine-fixture.ts';

/** Acts on our containers as another program would: one request to Docker's API, without our adapter. Throws on failure. */
export async function rawEngine(method: string, path: string, body?: object): Promise<void> {
  const socketPath = testDockerHost().replace(/^unix:\/\//, '');
  const headers = { 'Content-Type': 'application/json' };
  const sent = request({ socketPath, method, path, headers }).end(
    body === undefined ? undefined : JSON.stringify(body),
  );
  const [answer] = (await once(sent, 'response')) as [IncomingMessage];
  const words = await text(answer);
  if ((answer.statusCode ?? 500) >= 300) throw new Error(`${method} ${path} answered ${answer.statusCode}: ${words}`);
}
