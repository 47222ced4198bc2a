import { test } from 'node:test';
import { startRawBackend } from '../support/resolver.ts';
import { attack } from './attack.ts';
import { flood } from './flood.ts';
import { attackedHost, startResolverScene } from './resolver-scene.ts';

test('thousands of requests to an app that hangs delay no neighbour', async (t) => {
  await using hanging = await startRawBackend((socket) => socket.resume());
  await using scene = await startResolverScene({ attackedPort: hanging.port });
  await attack(t, scene, {
    what: '3,000 requests at once from 100 addresses to an app that hangs',
    seconds: 12,
    run: (signal) =>
      flood(
        {
          port: scene.port,
          connections: 3_000,
          addresses: 100,
          openings: [`GET / HTTP/1.1\r\nHost: ${attackedHost}\r\n\r\n`],
        },
        signal,
      ),
  });
});
