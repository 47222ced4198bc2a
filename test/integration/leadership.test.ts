import assert from 'node:assert/strict';
import test from 'node:test';
import type { Leases } from '../../src/domain/leases.ts';
import { termOfVersion } from '../../src/domain/route.ts';
import { startCandidacy } from '../../src/orchestrator/leading.ts';
import type { Logger } from '../../src/system/logger.ts';
import type { Answered } from '../support/api.ts';
import { scaled } from '../support/deadline.ts';
import { EngineProxy } from '../support/engine-proxy.ts';
import { eventually } from '../support/eventually.ts';
import { openOrchestrator } from '../support/orchestrator.ts';

test('while the half that leads stops and starts in a living process', { timeout: scaled(120_000) }, async (t) => {
  await using orchestrator = await openOrchestrator();
  const { ask, lead, ground } = orchestrator;
  const termOfResolver = async () => termOfVersion((await ground.resolver.table()).version);

  const first = await lead();
  assert.equal((await ask('POST', '/apps', { name: 'before' })).status, 201);

  await t.test('reads are answered without it', async () => {
    await first.close();
    assert.deepEqual(names(await ask('GET', '/apps')), ['before']);
    const { checks } = (await ask('GET', '/platform/status')).json;
    const firewall = checks.find((check: { name: string }) => check.name === 'host firewall');
    assert.equal(firewall.state, 'warning');
  });

  await t.test('a change waits for the next leader', async () => {
    const creating = ask('POST', '/apps', { name: 'between' });
    const second = await lead();
    assert.equal((await creating).status, 201);
    assert.deepEqual(names(await ask('GET', '/apps')), ['before', 'between']);
    await eventually(
      'the resolver follows the new leader and not the one before',
      async () => (await termOfResolver()) === 2,
    );
    await second.close();
  });

  await t.test('a waiting change is answered with the reason when the platform stops', async () => {
    const creating = ask('POST', '/apps', { name: 'never' });
    orchestrator.doors.leadership.close();
    const { status, json } = await creating;
    assert.deepEqual([status, json.id], [503, 'unavailable']);
    assert.match(json.message, /changes nothing at the moment/);
    assert.deepEqual(names(await ask('GET', '/apps')), ['before', 'between']);
  });
});

test('a leader that lost its lease and cannot start again tries again until it can', {
  timeout: scaled(120_000),
}, async () => {
  await using proxy = await EngineProxy.start();
  await using orchestrator = await openOrchestrator({ dockerHost: proxy.dockerHost });
  const { ask, doors } = orchestrator;
  let failures = 0;
  const error: Logger['error'] = (message) => {
    if (/could not lead/.test(message)) failures += 1;
  };
  const { leases, lose } = losable(orchestrator.ground.leases);
  const ground = { ...orchestrator.ground, leases, logger: { ...orchestrator.ground.logger, error } };
  const candidacy = startCandidacy(ground, doors);
  await candidacy.leads;

  proxy.away();
  lose();
  await eventually('two starts have failed', () => failures >= 2);
  assert.equal((await ask('GET', '/apps')).status, 200);

  proxy.back();
  await eventually('it leads again', () => doors.leadership.leader !== null);
  assert.equal((await ask('POST', '/apps', { name: 'again' })).status, 201);
  await candidacy.close();
});

/** Leases that a test can take from their holder, as when a database has not heard from the holder for too long. */
function losable(inner: Leases): { readonly leases: Leases; lose(): void } {
  let lost = new AbortController();
  const leases: Leases = {
    hold(name, work, options) {
      const { signal } = lost;
      return inner.hold(name, (lease) => work({ ...lease, signal: AbortSignal.any([lease.signal, signal]) }), options);
    },
    isBusy: (name) => inner.isBusy(name),
    close: () => inner.close(),
  };
  const lose = () => {
    lost.abort();
    lost = new AbortController();
  };
  return { leases, lose };
}

function names({ json }: Answered): readonly string[] {
  return json.map(({ name }: { name: string }) => name).sort();
}
