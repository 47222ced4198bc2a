import { once } from 'node:events';
import { connect } from 'node:net';
import { test } from 'node:test';
import { startRawBackend } from '../support/resolver.ts';
import { attack } from './attack.ts';
import { attackedHost, startResolverScene } from './resolver-scene.ts';

test('a connection with 30,000 requests to an app that hangs delays no neighbour', async (t) => {
  await using hanging = await startRawBackend((socket) => socket.resume());
  await using scene = await startResolverScene({ attackedPort: hanging.port });
  await attack(t, scene, {
    what: '30,000 pipelined requests to an app that hangs',
    seconds: 15,
    async run(signal) {
      const socket = connect({ host: '127.0.0.1', port: scene.port });
      socket.on('error', () => socket.destroy()).resume();
      socket.write(`GET / HTTP/1.1\r\nHost: ${attackedHost}\r\n\r\n`.repeat(30_000));
      await once(signal, 'abort');
      socket.destroy();
    },
  });
});
