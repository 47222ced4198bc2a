import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { EngineEvent } from '../../src/domain/engine.ts';
import { inNetwork, megabyte } from '../support/engine-fixture.ts';
import { eventually } from '../support/eventually.ts';
import { rawEngine } from '../support/raw-engine.ts';
import type { UnderTest } from './engine.contract.ts';
import { outOfMemory } from './engine-sandbox.contract.ts';

export function eventsContract(underTest: UnderTest): void {
  describe('events', { concurrency: 2 }, () => {
    test("our containers' start, end and removal are reported, other containers' are not", async (t) => {
      const fixture = underTest();
      const labels = { ...fixture.labels, 'paas.test': 'events' };
      const heard: EngineEvent[] = [];
      const stop = new AbortController();
      t.after(() => stop.abort());
      const listening = listen(fixture.engine.events(labels, stop.signal), heard);
      await fixture.run('exit 1');
      const { containers } = fixture.engine;
      const id = await containers.create(fixture.spec('exit 9', { labels }));
      await containers.start(id);
      await containers.wait(id, stop.signal);
      await containers.remove(id);
      await eventually('the removal is reported', () => heard.some((event) => event.kind === 'destroy'));
      stop.abort();
      await listening;
      const ours = heard.filter(({ kind }) => kind !== 'disconnect');
      assert.deepEqual(
        ours.map(({ kind, containerId, exitCode }) => ({ kind, containerId, exitCode })),
        [
          { kind: 'start', containerId: id, exitCode: null },
          { kind: 'die', containerId: id, exitCode: 9 },
          { kind: 'destroy', containerId: id, exitCode: null },
        ],
      );
      assert.deepEqual(ours[0]?.labels, labels);
      assert.ok(Math.abs(Date.now() - (ours[0]?.at.getTime() ?? 0)) < 60_000);
    });

    test('an event right after subscribing is reported, even before the first read', async (t) => {
      const fixture = underTest();
      const labels = { ...fixture.labels, 'paas.test': 'early' };
      const stop = new AbortController();
      t.after(() => stop.abort());
      const events = fixture.engine.events(labels, stop.signal);
      await fixture.run('exit 2', { labels });
      const heard: EngineEvent[] = [];
      const listening = listen(events, heard);
      await eventually('the end is reported', () => heard.find((event) => event.exitCode === 2));
      stop.abort();
      await listening;
    });

    test('a container that is taken out of its network is reported', async (t) => {
      const fixture = underTest();
      const labels = { ...fixture.labels, 'paas.test': 'disconnect' };
      const stop = new AbortController();
      t.after(() => stop.abort());
      const heard: EngineEvent[] = [];
      const listening = listen(fixture.engine.events(labels, stop.signal), heard);
      const subnet = { pool: '10.211.0.0/16', prefixLength: 26 };
      const network = await fixture.engine.networks.create({ name: `${fixture.runId}-cut`, labels, ...subnet });
      const id = await fixture.engine.containers.create(fixture.spec('sleep 60', { labels, ...inNetwork(network) }));
      await fixture.engine.containers.start(id);
      await rawEngine('POST', `/networks/${network.id}/disconnect`, { Container: id, Force: true });
      await eventually('the loss is reported', () =>
        heard.some(({ kind, containerId }) => kind === 'disconnect' && containerId === id),
      );
      stop.abort();
      await listening;
    });

    test('running out of memory has its own event', async (t) => {
      const fixture = underTest();
      const labels = { ...fixture.labels, 'paas.test': 'oom' };
      const stop = new AbortController();
      t.after(() => stop.abort());
      const heard: EngineEvent[] = [];
      const listening = listen(fixture.engine.events(labels, stop.signal), heard);
      const told = () => heard.some((event) => event.kind === 'oom');
      for (let tries = 0; tries < 3 && !told(); tries++) {
        await fixture.run(outOfMemory, { labels, memoryBytes: 32 * megabyte });
      }
      await eventually('the lack of memory is reported', told);
      stop.abort();
      await listening;
    });
  });
}

async function listen(events: AsyncIterable<EngineEvent>, heard: EngineEvent[]): Promise<void> {
  for await (const event of events) heard.push(event);
}
