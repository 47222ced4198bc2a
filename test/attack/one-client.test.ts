import { test } from 'node:test';
import { startRawBackend } from '../support/resolver.ts';
import { attack } from './attack.ts';
import { flood } from './flood.ts';
import { startResolverScene } from './resolver-scene.ts';

test('one address, as a build step has it, cannot take the connections of the others', async (t) => {
  await using hanging = await startRawBackend((socket) => socket.resume());
  await using scene = await startResolverScene({ attackedPort: hanging.port });
  await attack(t, scene, {
    what: '3,000 silent connections from one private address',
    seconds: 12,
    run: (signal) => flood({ port: scene.port, connections: 3_000, addresses: 1, openings: [''] }, signal),
  });
});
