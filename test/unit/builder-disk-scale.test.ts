import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startScale } from '../../src/builder/jail/disk-scale.ts';
import { Guard } from '../../src/builder/jail/guard.ts';
import { jailLimits } from '../../src/builder/jail/limits.ts';
import type { ContainerDisk, HostDisk } from '../../src/domain/host-hands.ts';
import { eventually } from '../support/eventually.ts';

const never = new AbortController().signal;
const limits = { ...jailLimits, silenceMs: 100, diskBytes: 80 * 1024 * 1024 };
const disk = (freeBytes: number): readonly HostDisk[] => [
  { holds: 'engine', path: '/engine', space: { freeBytes, totalBytes: 1e12, freeFiles: 0, totalFiles: 0 } },
];

/** The message with which a build is ended that is counted so. */
async function endOf(count: () => Promise<ContainerDisk>, freeBytes = () => 1e11): Promise<string> {
  using guard = new Guard(limits, never);
  using _scale = startScale({ guard, limits, hands: { disks: async () => disk(freeBytes()) }, count });
  await eventually('the build is ended', () => guard.signal.aborted);
  return (guard.signal.reason as Error).message;
}

test('a build whose disk cannot be counted is ended', async () => {
  const message = await endOf(() => Promise.reject(new Error('du hangs')));
  assert.equal(message, 'What the build has on disk could not be counted for 0.1 s.');
});

test('a build is counted within a second when the free space of the disk falls', async () => {
  let free = 1e11;
  const counted: number[] = [];
  const begun = performance.now();
  const message = await endOf(
    async () => {
      counted.push(performance.now() - begun);
      return { bytes: 90 * 1024 * 1024, files: 1 };
    },
    () => {
      free -= 20 * 1024 * 1024;
      return free;
    },
  );
  assert.equal(message, 'The build used 90 MB of disk, and 80 MB is the limit.');
  assert.equal(counted.length, 1);
});

test('a build with too many files is ended', async () => {
  const message = await endOf(async () => ({ bytes: 1, files: 500_001 }));
  assert.equal(message, 'The build made 500001 files, and 500000 is the limit.');
});
