import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fixedSize } from '../../src/domain/instance-size.ts';
import { type EndFacts, endReason, outOfMemoryReason } from '../../src/supervisor/ending.ts';

const settings = { bootTimeoutMs: 60_000, stopGraceMs: 30_000, cloudletMemoryBytes: 128 * 1024 * 1024 };
const instance = { type: 'web', slot: 2, size: fixedSize(4) };

const reason = (changes: Partial<EndFacts>) =>
  endReason({
    instance,
    why: 'exit',
    exitCode: 1,
    outOfMemory: false,
    stubborn: false,
    stopSignal: 'SIGTERM',
    ports: [5000],
    listeners: null,
    lifeMs: null,
    settings,
    ...changes,
  });

describe('how an instance ended', () => {
  it('is its exit status, or “unknown”', () => {
    assert.equal(reason({ exitCode: 0 }), 'Process exited with status 0');
    assert.equal(reason({ exitCode: null }), 'Process ended');
    assert.equal(reason({ why: 'asked', exitCode: 143 }), 'Process exited with status 143');
  });

  it('is “out of memory” when the kernel killed it, not when only a child was killed', () => {
    const R15 = 'Error R15 (Memory quota vastly exceeded): web.2 was killed at its limit of 512 MiB';
    assert.equal(reason({ outOfMemory: true, exitCode: 137 }), R15);
    assert.equal(reason({ outOfMemory: true, exitCode: 3 }), 'Process exited with status 3');
    assert.match(outOfMemoryReason(instance, settings), /R15.*a process of web\.2 was killed at the limit of 512 MiB/);
  });

  it('is a timeout with its number when it did not answer or did not stop', () => {
    assert.match(reason({ why: 'boot-timeout', exitCode: 137 }), /R10.*web\.2 did not answer on port 5000 within 60 s/);
    const R12 = 'Error R12 (Exit timeout): web.2 did not exit within 30 s of SIGTERM';
    assert.equal(reason({ why: 'asked', exitCode: 137, stubborn: true }), R12);
    assert.match(reason({ why: 'asked', exitCode: 137, stubborn: true, stopSignal: 'SIGQUIT' }), /30 s of SIGQUIT$/);
  });

  it('is its time limit when that was over, unless it then did not stop', () => {
    const ended = { why: 'asked', lifeMs: 3_600_000, exitCode: 143 } as const;
    assert.equal(reason(ended), 'web.2 was asked to stop after 3600 s, its time limit');
    assert.match(reason({ ...ended, exitCode: 137, stubborn: true }), /R12/);
  });

  it('is the removal or stop by somebody else', () => {
    assert.match(reason({ why: 'gone', exitCode: null }), /removed by somebody else/);
    assert.match(reason({ why: 'cut-off', exitCode: 137, outOfMemory: false }), /network of web\.2 was taken away/);
  });
});
