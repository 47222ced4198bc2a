import assert from 'node:assert/strict';
import test from 'node:test';
import { termOfVersion } from '../../src/domain/route.ts';
import type { Answered } from '../support/api.ts';
import { scaled } from '../support/deadline.ts';
import { eventually } from '../support/eventually.ts';
import { openOrchestrator } from '../support/orchestrator.ts';

test('while the half that leads stops and starts in a living process', { timeout: scaled(120_000) }, async (t) => {
  await using orchestrator = await openOrchestrator();
  const { ask, lead, ground } = orchestrator;
  const termOfResolver = async () => termOfVersion((await ground.resolver.table()).version);

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
    await eventually('the resolver follows it, and not the one before', async () => (await termOfResolver()) === 2);
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
