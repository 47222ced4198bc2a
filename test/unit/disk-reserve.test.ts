import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileOutput } from '../../src/reporting/own-output.ts';
import { DiskReserve } from '../../src/system/disk-reserve.ts';
import { bytesInWords, isOutOfRoom, spaceInWords } from '../../src/system/disk-space.ts';

const root = mkdtempSync(join(tmpdir(), 'paas-reserve-'));
after(() => rmSync(root, { recursive: true }));
const never = new AbortController().signal;
const mebibyte = 1024 * 1024;

function reserveIn(name: string, bytes: number) {
  const folder = join(root, name);
  return { folder, reserve: new DiskReserve({ folder, bytes }) };
}

test('the reserve takes real blocks, is made once, and is readable by its owner only', async () => {
  const { folder, reserve } = reserveIn('whole', 16 * mebibyte);
  assert.equal(await reserve.refill(never), true);
  assert.equal(reserve.heldBytes, 16 * mebibyte);
  const parts = readdirSync(folder).map((name) => statSync(join(folder, name)));
  assert.ok(parts.every(({ blocks, size, mode }) => blocks * 512 >= size && (mode & 0o777) === 0o600));
  const before = parts.map(({ ino }) => ino);
  assert.equal(await reserve.refill(never), true);
  assert.deepEqual(
    readdirSync(folder).map((name) => statSync(join(folder, name)).ino),
    before,
  );
});

test('a running platform frees three quarters, starts free the rest, and what was freed is made again', async () => {
  const { reserve } = reserveIn('parts', 16 * mebibyte);
  await reserve.refill(never);
  const freed = Array.from({ length: 13 }, () => reserve.freePart('run'));
  assert.deepEqual(freed, [...Array(12).fill(mebibyte), 0]);
  for (let start = 0; start < 4; start += 1) assert.equal(reserve.freePart('start'), mebibyte);
  assert.equal(reserve.freePart('start'), 0);
  assert.equal(reserve.makeRoom('start'), 0, 'this disk is not full');
  assert.equal(reserve.makeRoomForStart([root]), 0, 'and its caches stay');
  assert.equal(await reserve.refill(never), true);
  assert.equal(reserve.heldBytes, 16 * mebibyte);
});

test('another size replaces the reserve, and 0 removes it', async () => {
  const { folder, reserve } = reserveIn('sizes', 16 * mebibyte);
  await reserve.refill(never);
  assert.equal(await new DiskReserve({ folder, bytes: 8 * mebibyte }).refill(never), true);
  assert.equal(reserve.heldBytes, 8 * mebibyte);
  assert.equal(await new DiskReserve({ folder, bytes: 0 }).refill(never), true);
  assert.equal(reserve.heldBytes, 0);
});

test('a reserve that would fill the disk is not made', async () => {
  const { reserve } = reserveIn('huge', 2 ** 60);
  assert.equal(await reserve.refill(never), false);
  assert.equal(reserve.heldBytes, 0);
});

test('free space is said in words', () => {
  assert.equal(bytesInWords(0), '0 bytes');
  assert.equal(bytesInWords(1536), '1.5 KiB');
  assert.equal(bytesInWords(64 * mebibyte), '64 MiB');
  assert.match(spaceInWords(root), /^[\d.]+ \w+ of [\d.]+ \w+ free$/);
  assert.equal(isOutOfRoom(root), false);
});

test('a log on a full disk drops lines, counts them, and goes on by itself', () => {
  const written: string[] = [];
  let free = 100;
  const output = fileOutput(1, (_, text) => {
    if (free === 0) throw Object.assign(new Error('ENOSPC'), { code: 'ENOSPC' });
    const taken = text.slice(0, free);
    free -= taken.length;
    written.push(taken);
    return taken.length;
  });
  output.write('one\n');
  free = 2;
  for (const line of ['two\n', 'three\n', 'four\n']) output.write(line);
  free = 100;
  output.write('five\n');
  output.write('six\n');
  assert.equal(written.join(''), 'one\ntw\n3 lines were dropped here: the disk took none.\nfive\nsix\n');
});
