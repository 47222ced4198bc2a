import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { FormationEntry } from '../../src/domain/formation.ts';
import type { Instance } from '../../src/domain/instance.ts';
import { fixedSize } from '../../src/domain/instance-size.ts';
import { plan } from '../../src/provisioner/plan.ts';
import { type Changes, upInstance } from '../support/instances.ts';

const at = (seconds: number) => new Date(1_800_000_000_000 + seconds * 1000);

const web = (quantity: number): FormationEntry => ({
  appId: 'a',
  type: 'web',
  quantity,
  size: fixedSize(4),
  updatedAt: at(0),
});

const instance = (changes: Changes) => upInstance(at(1), changes);

const planned = (quantity: number, instances: readonly Instance[]) =>
  plan({ releaseId: 'r1', types: new Set(['web']), formation: [web(quantity)], instances });

describe('the plan for a release', () => {
  it('fills empty slots and leaves full ones alone', () => {
    const { create, scaledDown } = planned(3, [instance({ slot: 2 })]);
    assert.deepEqual(
      create.map(({ slot }) => slot),
      [1, 3],
    );
    assert.deepEqual(scaledDown, []);
  });

  it('removes the highest slots first when scaled down', () => {
    const three = [1, 2, 3].map((slot) => instance({ slot }));
    const { create, scaledDown } = planned(1, three);
    assert.deepEqual(create, []);
    assert.deepEqual(
      scaledDown.map(({ id }) => id),
      [three[1]?.id, three[2]?.id],
    );
  });

  it('replaces the first five crashes in a row at once and the next ones later and later', () => {
    const crash = (failures: number) => instance({ state: 'crashed', failures, upAt: at(2), endedAt: at(3) });
    const delays = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 99].map((failures) => {
      const [next] = planned(1, [crash(failures)]).create;
      return next?.notBefore ? (next.notBefore.getTime() - at(3).getTime()) / 1000 : 0;
    });
    assert.deepEqual(delays, [0, 0, 0, 0, 0, 10, 30, 60, 120, 300, 600, 1200, 1200]);
  });

  it('fills the slot of an instance on a lost host at once, whatever crashed before', () => {
    const [next] = planned(1, [instance({ state: 'lost', failures: 6, upAt: at(2), endedAt: at(3) })]).create;
    assert.deepEqual([next?.notBefore, next?.failures], [null, 0]);
  });

  it('restarts for memory when the instance has left: at once, then later and later', () => {
    const last = (changes: Changes) => instance({ desired: 'stopped', stopReason: 'low_memory', ...changes });
    assert.deepEqual(planned(1, [last({ state: 'draining' })]).create, []);
    const ended = (failures: number) => last({ state: 'stopped', failures, upAt: at(2), endedAt: at(3) });
    const [first] = planned(1, [ended(0)]).create;
    assert.deepEqual([first?.notBefore, first?.failures], [null, 1]);
    const [second] = planned(1, [ended(1)]).create;
    assert.deepEqual([second?.notBefore, second?.failures], [at(13), 2]);
  });

  it('forgives old crashes after ten minutes of uptime', () => {
    const [next] = planned(1, [instance({ state: 'crashed', failures: 6, upAt: at(0), endedAt: at(600) })]).create;
    assert.equal(next?.notBefore, null);
    assert.equal(next?.failures, 1);
  });

  it('leaves a slot empty that a user stopped, even if it was scaled before', () => {
    const stopped = { desired: 'stopped', stopReason: 'stopped_by_user' } as const;
    const changedLater = [{ ...web(1), updatedAt: at(9) }];
    for (const state of ['draining', 'stopped'] as const) {
      const facts = { releaseId: 'r1', types: new Set(['web']), formation: changedLater };
      assert.deepEqual(plan({ ...facts, instances: [instance({ ...stopped, state, createdAt: at(5) })] }).create, []);
    }
  });

  it('judges a slot by its newest instance, in any order', () => {
    const old = instance({ state: 'crashed', failures: 6, upAt: null, endedAt: at(2) });
    const stopped = instance({ state: 'stopped', desired: 'stopped', stopReason: 'stopped_by_user', endedAt: at(3) });
    assert.deepEqual(planned(1, [old, stopped]).create, []);
    assert.deepEqual(planned(1, [stopped, old]).create, []);
  });

  it('does not count an instance that is stopping', () => {
    assert.equal(
      planned(1, [instance({ desired: 'stopped', stopReason: 'restarted', state: 'draining' })]).create.length,
      1,
    );
  });

  it('does not disturb a restart: two instances in one slot are left alone', () => {
    const { create, scaledDown } = planned(1, [instance({ state: 'starting' }), instance({})]);
    assert.deepEqual([create, scaledDown], [[], []]);
  });

  it('runs nothing for a type that the release does not have, and never touches one-shots', () => {
    const { create, scaledDown } = plan({
      releaseId: 'r1',
      types: new Set(['worker']),
      formation: [web(2)],
      instances: [instance({ type: 'run', slot: 4711 })],
    });
    assert.deepEqual([create, scaledDown], [[], []]);
  });
});
