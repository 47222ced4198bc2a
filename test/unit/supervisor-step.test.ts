import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { assertForward, instanceStates, isFinal } from '../../src/domain/instance.ts';
import { type StepFacts, step } from '../../src/supervisor/step.ts';

const facts = (changes: Partial<StepFacts>): StepFacts => ({
  desired: 'up',
  state: 'placed',
  container: 'none',
  cutOff: false,
  abandoned: false,
  startInMs: 0,
  readiness: 'unknown',
  drained: false,
  oneShot: false,
  ...changes,
});

describe('the one next action of an instance', () => {
  it('starts a placed instance when its time has come, and waits until then', () => {
    assert.deepEqual(step(facts({})), { kind: 'start' });
    assert.deepEqual(step(facts({ startInMs: 9000 })), { kind: 'wait', ms: 9000 });
  });

  it('never starts an instance that is not wanted any more', () => {
    assert.deepEqual(step(facts({ desired: 'stopped', startInMs: 9000 })), {
      kind: 'finish',
      state: 'stopped',
      why: 'never-started',
    });
  });

  it('repeats a start before which the platform died', () => {
    assert.equal(step(facts({ state: 'starting', container: 'created' })).kind, 'start');
    assert.equal(step(facts({ state: 'starting', container: 'none' })).kind, 'start');
  });

  it('marks it up when it answers, and crashed when it does not answer in time', () => {
    assert.equal(step(facts({ state: 'starting', container: 'running' })).kind, 'await-readiness');
    assert.deepEqual(step(facts({ state: 'starting', container: 'running', readiness: 'ready' })), {
      kind: 'mark',
      state: 'up',
    });
    assert.deepEqual(step(facts({ state: 'starting', container: 'running', readiness: 'timed-out' })), {
      kind: 'finish',
      state: 'crashed',
      why: 'boot-timeout',
    });
  });

  it('stops an instance that runs but cannot be reached', () => {
    for (const state of ['starting', 'up'] as const) {
      assert.deepEqual(step(facts({ state, container: 'running', cutOff: true, readiness: 'ready' })), {
        kind: 'finish',
        state: 'crashed',
        why: 'cut-off',
      });
    }
  });

  it('ends a one-off whose terminal was held by an earlier run of the platform', () => {
    const abandoned = { container: 'running', abandoned: true, oneShot: true } as const;
    assert.deepEqual(step(facts({ ...abandoned, state: 'up' })), { kind: 'mark', state: 'draining' });
    assert.deepEqual(step(facts({ ...abandoned, state: 'draining', drained: true })), { kind: 'stop' });
    assert.deepEqual(step(facts({ ...abandoned, state: 'draining', container: 'exited' })), {
      kind: 'finish',
      state: 'stopped',
      why: 'abandoned',
    });
  });

  it('treats any exit of a formation instance as a crash, even status 0, and of a one-off as its end', () => {
    assert.deepEqual(step(facts({ state: 'up', container: 'exited' })), {
      kind: 'finish',
      state: 'crashed',
      why: 'exit',
    });
    assert.deepEqual(step(facts({ state: 'up', container: 'exited', oneShot: true })), {
      kind: 'finish',
      state: 'stopped',
      why: 'exit',
    });
  });

  it('distinguishes a removed container from an ended one', () => {
    assert.deepEqual(step(facts({ state: 'up', container: 'none' })), {
      kind: 'finish',
      state: 'crashed',
      why: 'gone',
    });
  });

  it('drains before it stops, and stops before it ends', () => {
    const leaving = { desired: 'stopped', state: 'up', container: 'running' } as const;
    assert.deepEqual(step(facts(leaving)), { kind: 'mark', state: 'draining' });
    assert.equal(step(facts({ ...leaving, state: 'draining' })).kind, 'drain');
    assert.equal(step(facts({ ...leaving, state: 'draining', drained: true })).kind, 'stop');
    assert.deepEqual(step(facts({ ...leaving, state: 'draining', container: 'exited' })), {
      kind: 'finish',
      state: 'stopped',
      why: 'asked',
    });
  });

  it('inspects a container that it has not seen before it decides anything', () => {
    for (const state of ['starting', 'up', 'draining'] as const)
      assert.equal(step(facts({ state, container: 'unknown' })).kind, 'look');
  });

  it('moves states only forward, and leaves ended instances alone', () => {
    const anyFacts = fc.record({
      desired: fc.constantFrom('up' as const, 'stopped' as const),
      state: fc.constantFrom(...instanceStates),
      container: fc.constantFrom(
        'unknown' as const,
        'none' as const,
        'created' as const,
        'running' as const,
        'exited' as const,
      ),
      cutOff: fc.boolean(),
      abandoned: fc.boolean(),
      startInMs: fc.integer({ min: -1000, max: 1000 }),
      readiness: fc.constantFrom('unknown' as const, 'ready' as const, 'timed-out' as const),
      drained: fc.boolean(),
      oneShot: fc.boolean(),
    });
    fc.assert(
      fc.property(anyFacts, (any) => {
        const action = step(any);
        if (isFinal(any.state)) assert.equal(action.kind, 'done');
        else assert.notEqual(action.kind, 'done');
        if (action.kind === 'mark' || action.kind === 'finish') assertForward(any.state, action.state);
      }),
    );
  });
});
