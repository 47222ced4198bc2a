import assert from 'node:assert/strict';
import { open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { writablePlaces } from '../../src/host/container-disk.ts';
import { devicesOf, unlinkedFiles } from '../../src/host/unlinked-files.ts';

const root =
  '601 500 0:52 / / rw,relatime - overlay overlay rw,lowerdir=/var/lib/docker/overlay2/l/A:/var/lib/docker/overlay2/l/B,upperdir=/var/lib/docker/overlay2/ab/diff,workdir=/var/lib/docker/overlay2/ab/work';

test('what a container can write to is the upper directory of its overlay and its writable mounts on a disk', () => {
  const mountinfo = [
    root,
    '602 601 0:55 / /proc rw,nosuid - proc proc rw',
    '603 601 0:56 / /dev/shm rw,nosuid - tmpfs shm rw,size=65536k',
    '604 601 8:1 /docker/volumes/cache/_data /layers rw,relatime - ext4 /dev/sda1 rw',
    '605 601 8:1 /docker/volumes/run/_data /runtimes ro,relatime - ext4 /dev/sda1 rw',
    '606 601 8:1 /docker/volumes/two/_data /a\\040b rw,relatime master:1 - xfs /dev/sda1 rw',
    '607 601 8:1 /docker/containers/x/resolv.conf /etc/resolv.conf rw,relatime - ext4 /dev/sda1 rw',
    '',
  ].join('\n');
  assert.deepEqual(writablePlaces(mountinfo, '/proc/7/root'), [
    '/var/lib/docker/overlay2/ab/diff',
    '/proc/7/root/layers',
    '/proc/7/root/a b',
  ]);
});

test('a container whose disk is no overlay is not counted as if it had written nothing', () => {
  const volume = '604 601 8:1 /v /layers rw,relatime - ext4 /dev/sda1 rw';
  const other = '601 500 0:52 / / rw,relatime - btrfs /dev/sda1 rw,subvol=/x';
  for (const mountinfo of ['', volume, `${other}\n${volume}`]) {
    assert.throws(() => writablePlaces(mountinfo, '/proc/7/root'), { code: 'unavailable', message: /no overlay/ });
  }
});

test('a file without a name counts once with its blocks while a process holds it, and a hole in it does not', async () => {
  const never = new AbortController().signal;
  const path = join(tmpdir(), `paas-unlinked-${process.pid}`);
  const devices = await devicesOf([tmpdir()]);
  const before = await unlinkedFiles([process.pid], devices, never);
  await using file = await open(path, 'w+');
  await using again = await open(path, 'r');
  await file.write(Buffer.alloc(3_000_000), 0, null, 1_000_000_000);
  await rm(path);
  assert.ok((await again.stat()).nlink === 0);
  const now = await unlinkedFiles([process.pid], devices, never);
  assert.equal(now.files - before.files, 1);
  const bytes = now.bytes - before.bytes;
  assert.ok(bytes >= 3_000_000 && bytes < 4_000_000, `${bytes} bytes`);
});
