import { once } from 'node:events';
import { Agent, request } from 'node:http';
import { test } from 'node:test';
import { mintToken } from '../../src/domain/token.ts';
import { attack } from './attack.ts';
import { startDoorsScene } from './doors-scene.ts';
import { slowCrowd } from './slow-crowd.ts';

function head(host: string, fields: readonly string[]): string {
  return ['POST /apps HTTP/1.1', `Host: ${host}`, 'Content-Type: application/json', ...fields].join('\r\n');
}

const body = 'Content-Length: 100000\r\n\r\n{';

test('4,300 slow requests without a token close neither the API nor git', async (t) => {
  await using scene = await startDoorsScene();
  const { port } = scene;
  const begun = head('localhost', [body]);
  await attack(t, scene, {
    what: '4,300 slow POSTs without a token to the API',
    run: (signal) => slowCrowd({ port, connections: 4_300, begun, drip: ' ' }, signal),
  });
});

test('4,300 slow request heads close neither the API nor git', async (t) => {
  await using scene = await startDoorsScene();
  const { port } = scene;
  const begun = head('localhost', ['X-Slow: ']);
  await attack(t, scene, {
    what: '4,300 slow heads to the API',
    run: (signal) => slowCrowd({ port, connections: 4_300, begun, drip: 'x' }, signal),
  });
});

test('4,300 slow requests without a token through the resolver close neither the API nor git', async (t) => {
  await using scene = await startDoorsScene();
  const begun = head('api.localhost', [body]);
  await attack(t, scene, {
    what: '4,300 slow POSTs without a token to api.',
    run: (signal) => slowCrowd({ port: scene.publicPort, connections: 4_300, begun, drip: ' ' }, signal),
  });
});

test("one account's 2,000 slow requests and 200 slow pushes leave room for the others", async (t) => {
  await using scene = await startDoorsScene();
  const { port, attackerToken, attackerApp } = scene;
  const token = `Authorization: Bearer ${attackerToken}`;
  const push = [
    `POST /${attackerApp}.git/git-receive-pack HTTP/1.1`,
    ...['Host: localhost', token, 'Content-Type: application/x-git-receive-pack-request', body],
  ].join('\r\n');
  await attack(t, scene, {
    what: '2,000 slow POSTs and 200 slow pushes of one account',
    run: async (signal) => {
      await Promise.all([
        slowCrowd({ port, connections: 2_000, begun: head('localhost', [token, body]), drip: ' ' }, signal),
        slowCrowd({ port, connections: 200, begun: push, drip: '0' }, signal),
      ]);
    },
  });
});

test('a flood of wrong tokens closes neither the API nor git', async (t) => {
  await using scene = await startDoorsScene();
  const { port } = scene;
  await attack(t, scene, {
    what: 'wrong tokens from 64 connections, as fast as they are refused',
    run: async (signal) => {
      const agent = new Agent({ keepAlive: true });
      const lanes = Array.from({ length: 64 }, async () => {
        while (!signal.aborted) await tryToken(port, agent);
      });
      await Promise.all(lanes);
      agent.destroy();
    },
  });
});

async function tryToken(port: number, agent: Agent): Promise<void> {
  const headers = { Authorization: `Bearer ${mintToken().token}` };
  const outgoing = request({ host: '127.0.0.1', port, path: '/account', agent, headers }).end();
  try {
    const [answer] = await once(outgoing, 'response');
    await once(answer.resume(), 'end');
  } catch {
    // A connection that was cut is no answer either.
  }
}
