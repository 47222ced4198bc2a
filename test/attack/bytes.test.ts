import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { test } from 'node:test';
import { attack } from './attack.ts';
import type { PeerAttack, PeerOrder } from './byte-peers.ts';
import { startResolverScene } from './resolver-scene.ts';

interface Row {
  readonly kind: PeerAttack;
  readonly what: string;
  readonly clients: number;
}

const rows: readonly Row[] = [
  { kind: 'small chunks up', what: '16 uploads in chunks of a byte', clients: 16 },
  { kind: 'small chunks down', what: '16 answers in chunks of a byte', clients: 16 },
  { kind: 'small frames up', what: '16 WebSockets with frames of a byte, from the client', clients: 16 },
  { kind: 'small frames down', what: '16 WebSockets with frames of a byte, from the app', clients: 16 },
  { kind: 'small segments up', what: '16 uploads in segments of a byte', clients: 16 },
  { kind: 'stream up', what: 'an upload of 1 GB', clients: 1 },
  { kind: 'stream down', what: 'an answer of 1 GB', clients: 1 },
  { kind: 'slow readers', what: '1,000 readers of 1 byte/s, answers of 1 GB', clients: 1_000 },
];

for (const { kind, what, clients } of rows) {
  test(`${what}: the resolver stays small and the neighbour is served`, async (t) => {
    const peers = fork(join(import.meta.dirname, 'byte-peers.ts'), {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    const [{ port }] = await once(peers, 'message');
    try {
      await using scene = await startResolverScene({ attackedPort: port });
      await attack(t, scene, {
        what,
        async run(signal) {
          peers.send({ attack: kind, resolverPort: scene.port, clients } satisfies PeerOrder);
          await once(signal, 'abort');
          peers.disconnect();
          await once(peers, 'exit');
        },
      });
    } finally {
      if (peers.connected) peers.disconnect();
    }
  });
}
