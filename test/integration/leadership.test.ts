import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import { paths, readSettings } from '../../src/config/settings.ts';
import { closeInOrder } from '../../src/orchestrator/close-in-order.ts';
import { doorsClosing, openDoors } from '../../src/orchestrator/doors.ts';
import { groundClosing, openGround } from '../../src/orchestrator/ground.ts';
import { stand } from '../../src/orchestrator/leading.ts';
import { startResolver } from '../../src/resolver/resolver.ts';
import { systemClock as clock } from '../../src/system/clock.ts';
import { silentLogger as logger } from '../../src/system/logger.ts';
import { type Answered, ask, newPerson } from '../support/api.ts';
import { claim } from '../support/claims.ts';
import { scaled } from '../support/deadline.ts';
import { testDockerHost } from '../support/engine-fixture.ts';
import { removeAllOf } from '../support/leftovers.ts';

test('while the half that leads stops and starts in a living process', { timeout: scaled(120_000) }, async (t) => {
  await using orchestrator = await openOrchestrator();
  const { ask, lead } = orchestrator;

  const first = await lead();
  assert.equal((await ask('POST', '/apps', { name: 'before' })).status, 201);

  await t.test('questions are answered without it', async () => {
    await first.close();
    assert.deepEqual(names(await ask('GET', '/apps')), ['before']);
    const { checks } = (await ask('GET', '/platform/status')).json;
    const firewall = checks.find((check: { name: string }) => check.name === 'host firewall');
    assert.equal(firewall.state, 'warning');
  });

  await t.test('a change waits for the next one that leads', async () => {
    const creating = ask('POST', '/apps', { name: 'between' });
    const second = await lead();
    assert.equal((await creating).status, 201);
    assert.deepEqual(names(await ask('GET', '/apps')), ['before', 'between']);
    await second.close();
  });

  await t.test('a change that waits when the doors close is answered, with the reason', async () => {
    const creating = ask('POST', '/apps', { name: 'never' });
    orchestrator.doors.leadership.close();
    const { status, json } = await creating;
    assert.deepEqual([status, json.id], [503, 'unavailable']);
    assert.match(json.message, /changes nothing at the moment/);
    assert.deepEqual(names(await ask('GET', '/apps')), ['before', 'between']);
  });
});

function names({ json }: Answered): readonly string[] {
  return json.map(({ name }: { name: string }) => name).sort();
}

async function openOrchestrator() {
  const home = await mkdtemp(join(tmpdir(), 'paas-lead-'));
  const { add, release } = await claim({ folder: home, dockerHost: testDockerHost() });
  const { run, resolverSocket, routeSnapshot } = paths(home);
  await mkdir(run);
  const resolver = await startResolver({
    bind: '127.0.0.1',
    httpPort: 0,
    controlSocket: resolverSocket,
    snapshotPath: routeSnapshot,
  });
  const docker = { PAAS_DOCKER_HOST: testDockerHost() };
  const settings = readSettings({ PAAS_HOME: home, PAAS_API_PORT: '0', PAAS_LOG_LEVEL: 'error', ...docker });
  const ground = await openGround(settings);
  add({ platformId: ground.platformId });
  const doors = await openDoors(ground);
  const { token } = await newPerson(ground.store, 'ada@example.com');
  return {
    doors,
    ask: (method: string, path: string, body?: unknown) =>
      ask(`http://127.0.0.1:${doors.port}${path}`, method, { token, body }),
    async lead() {
      const candidacy = stand(ground, doors);
      await candidacy.leads;
      return candidacy;
    },
    async [Symbol.asyncDispose]() {
      const steps = [...doorsClosing(doors), ...groundClosing(ground, async () => undefined)];
      await closeInOrder(steps, { clock, logger });
      await resolver.close();
      await removeAllOf(ground.platformId, testDockerHost());
      await rm(home, { recursive: true, force: true });
      release();
    },
  };
}
