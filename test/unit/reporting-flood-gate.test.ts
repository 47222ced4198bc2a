import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FloodGate } from '../../src/reporting/flood-gate.ts';
import { systemClock } from '../../src/system/clock.ts';

const limits = { linesPerSecond: 10, bytesPerSecond: 1000, burstSeconds: 3 };

function gateAt(start = 0) {
  let nowMs = start;
  const gate = new FloodGate(limits, { ...systemClock, monotonicMs: () => nowMs });
  const write = (lines: number, bytes = 1) =>
    Array.from({ length: lines }, () => gate.admits(bytes)).filter(Boolean).length;
  return { gate, write, advance: (ms: number) => (nowMs += ms) };
}

test('a burst passes completely, a flood at the rate, and the rest is counted', () => {
  const { gate, write, advance } = gateAt();
  assert.equal(write(30), 30);
  assert.equal(write(10), 0);
  advance(1000);
  assert.equal(write(15), 10);
  assert.equal(gate.takeDropped(), 15);
  assert.equal(gate.takeDropped(), 0);
});

test('few long lines are a flood too', () => {
  const { write, advance } = gateAt();
  assert.equal(write(10, 1000), 3);
  advance(2000);
  assert.equal(write(10, 1000), 2);
});

test('a process that was quiet gets its burst again, and no more', () => {
  const { gate, write, advance } = gateAt();
  write(40);
  assert.equal(gate.isIdle, false);
  gate.takeDropped();
  advance(60_000);
  assert.equal(gate.isIdle, true);
  assert.equal(write(40), 30);
});
