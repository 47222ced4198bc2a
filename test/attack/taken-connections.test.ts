import { test } from 'node:test';
import { startRawBackend } from '../support/resolver.ts';
import { attack } from './attack.ts';
import { flood } from './flood.ts';
import { attackedHost, neighbourHost, startResolverScene } from './resolver-scene.ts';

test('who takes all connections of apps takes none of the API, of git and of this machine', async (t) => {
  await using hanging = await startRawBackend((socket) => socket.resume());
  await using scene = await startResolverScene({
    attackedPort: hanging.port,
    settings: { PAAS_CONNECTIONS: '2048', PAAS_INSTANCE_REQUESTS: '100000', PAAS_APP_REQUESTS: '100000' },
  });
  const { port } = scene;
  const visitor = '127.9.9.9';
  const watched = [
    { port, host: 'api.localhost', from: visitor },
    { port, host: 'git.localhost', from: visitor },
    { port, host: neighbourHost, from: '127.0.0.1' },
    { port, host: 'nobody.localhost', from: '127.0.0.1', status: 404 },
  ];
  const toAttacked = `Host: ${attackedHost}\r\n`;
  await attack(
    t,
    { watched, pid: scene.pid },
    {
      what: '4,000 connections from 250 addresses: silent, slow heads, slow bodies, hanging, idle',
      seconds: 15,
      maxMegabytes: 350,
      run: (signal) =>
        flood(
          {
            port,
            connections: 4_000,
            addresses: 250,
            openings: [
              '',
              'GET / HTTP/1.1\r\nHost: att',
              `POST / HTTP/1.1\r\n${toAttacked}Content-Length: 1000\r\n\r\nx`,
              `GET / HTTP/1.1\r\n${toAttacked}\r\n`,
              'GET / HTTP/1.1\r\nHost: nobody.localhost\r\n\r\n',
            ],
          },
          signal,
        ),
    },
  );
});
