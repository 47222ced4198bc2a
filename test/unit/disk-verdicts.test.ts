import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { DiskUse } from '../../src/domain/host-hands.ts';
import { type DiskFacts, diskVerdicts, type MeasuredDisk, reserveOf } from '../../src/provisioner/disk-verdicts.ts';

const mb = 1024 * 1024;
const gb = 1024 * mb;
const limits = { instanceBytes: 4 * gb, instanceFiles: 1000, appBytes: 8 * gb, reserveBytes: 2 * gb };
const space = { freeBytes: 50 * gb, totalBytes: 100 * gb, freeFiles: 50_000, totalFiles: 100_000 };
const nothing = { bytes: 0, unlinkedBytes: 0, files: 0, writtenBytes: 0 };

function disk(
  containerId: string,
  use: Partial<DiskUse>,
  { before = {}, ...rest }: Partial<Omit<MeasuredDisk, 'before'>> & { readonly before?: Partial<DiskUse> } = {},
): MeasuredDisk {
  return {
    containerId,
    appId: containerId,
    runs: true,
    use: { ...nothing, ...use },
    before: { ...nothing, ...before },
    ...rest,
  };
}

const verdicts = (disks: readonly MeasuredDisk[], changes: Partial<DiskFacts> = {}) =>
  diskVerdicts({ disks, limits, space, spaceBefore: space, windowMs: 60_000, settling: false, ...changes }).map(
    ({ containerId, reason }) => `${containerId}: ${reason}`,
  );

describe('who is ended for its disk', () => {
  test('each instance above its own limit, at any free space', () => {
    assert.deepEqual(
      verdicts([
        disk('a', { bytes: 4.5 * gb }),
        disk('b', { bytes: 6 * gb, unlinkedBytes: 6 * gb }),
        disk('c', { files: 1001 }),
        disk('d', { bytes: 4 * gb, files: 1000 }),
        disk('e', { bytes: 6 * gb }, { runs: false }),
      ]),
      [
        'c: Made 1001 files on its disk, and 1000 is the limit: ended',
        'b: Wrote 6.0 GB to its disk (6.0 GB of it in removed files that are open), and 4.0 GB is the limit: ended',
        'a: Wrote 4.5 GB to its disk, and 4.0 GB is the limit: ended',
      ],
    );
  });

  test('the largest of an app that is above the app’s limit, with what ended and is not removed yet', () => {
    const of = { appId: 'shop' };
    assert.deepEqual(
      verdicts([
        disk('a', { bytes: 3 * gb }, of),
        disk('b', { bytes: 3.5 * gb }, of),
        disk('c', { bytes: 3.9 * gb }, { ...of, runs: false }),
        disk('d', { bytes: 3.9 * gb }),
      ]),
      [
        "b: The app's instances wrote 10.4 GB to their disks, and 8.0 GB is the limit of an app: the one with the most (3.5 GB) is ended",
      ],
    );
  });

  describe('below the reserve', () => {
    const low = { space: { ...space, freeBytes: 1.5 * gb } };

    test('who grew most, one at a time', () => {
      const disks = [
        disk('still', { bytes: 3.9 * gb }, { before: { bytes: 3.9 * gb } }),
        disk('grower', { bytes: 2 * gb }, { before: { bytes: gb } }),
        disk('new', { bytes: 100 * mb }),
      ];
      assert.deepEqual(verdicts(disks, low), [
        "grower: The host's disk has 1.5 GB free, and 2.0 GB are kept for the platform: this instance grew most, by 1.0 GB in 60 s, and is ended",
      ]);
      assert.deepEqual(verdicts(disks, { ...low, settling: true }), []);
      assert.deepEqual(verdicts(disks), [], 'above the reserve');
    });

    test('nobody while none of them grows', () => {
      const disks = [disk('still', { bytes: 3.9 * gb }, { before: { bytes: 3.9 * gb } })];
      assert.deepEqual(verdicts(disks, low), []);
    });

    test('who wrote what no measurement shows', () => {
      const spaceBefore = { ...space, freeBytes: 4.5 * gb };
      const rewriting = disk('database', { bytes: gb, writtenBytes: gb }, { before: { bytes: gb } });
      const hiding = disk('hiding', { writtenBytes: 2.9 * gb });
      assert.deepEqual(verdicts([rewriting, hiding], { ...low, spaceBefore }), [
        "hiding: The host's disk has 1.5 GB free, and 2.0 GB are kept for the platform: this instance wrote most, 2.9 GB in 60 s, and is ended",
      ]);
      assert.deepEqual(verdicts([rewriting], { ...low, spaceBefore }), [], 'somebody else took the space');
    });

    test('who made most files when no more can be made', () => {
      const few = { space: { ...space, freeFiles: 4_000 } };
      assert.deepEqual(verdicts([disk('a', { files: 20 }), disk('b', { files: 1000 })], few), [
        "b: The host's disk can hold 4000 more files, and 5000 are kept for the platform: this instance made most, 1000 in 60 s, and is ended",
      ]);
      assert.deepEqual(
        verdicts([disk('b', { files: 1000 })], { space: { ...space, freeFiles: 0, totalFiles: 0 } }),
        [],
      );
    });
  });

  test('the reserve is at most a twentieth of the disk', () => {
    assert.equal(reserveOf({ totalBytes: 20 * gb }, limits), gb);
    assert.equal(reserveOf({ totalBytes: 1000 * gb }, limits), 2 * gb);
  });
});
