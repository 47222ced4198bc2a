import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { appendFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { LogLine } from '../../src/domain/log-line.ts';
import { createAppLog, type FileAppLog } from '../../src/reporting/app-log.ts';
import { systemClock } from '../../src/system/clock.ts';
import { eventually } from '../support/eventually.ts';

const root = mkdtempSync(join(tmpdir(), 'paas-log-'));
const logs: FileAppLog[] = [];
after(async () => {
  await Promise.all(logs.map((log) => log.close()));
  rmSync(root, { recursive: true });
});

const megabyte = 1024 * 1024;

function openLog(dir: string, changes: Partial<Parameters<typeof createAppLog>[0]> = {}): FileAppLog {
  const log = createAppLog({ dir, bytesPerApp: 32 * megabyte, ...changes });
  logs.push(log);
  return log;
}

const newDir = () => join(root, randomUUID());
const line = (text: string, changes: Partial<LogLine> = {}): LogLine => ({
  at: new Date(),
  source: 'app',
  process: 'web.1',
  release: 1,
  text,
  ...changes,
});
const texts = (lines: readonly LogLine[]) => lines.map(({ text }) => text);
const bytesIn = (dir: string) => readdirSync(dir).reduce((sum, name) => sum + statSync(join(dir, name)).size, 0);

test('lines are read in order, at once and after a restart', async () => {
  const dir = newDir();
  const log = openLog(dir);
  const written = Array.from({ length: 100 }, (_, i) => line(`line ${i} ü\t"${'x'.repeat(i)}"`));
  for (const one of written) log.write('a', one);
  assert.deepEqual(await log.read('a', { lines: 1000 }), written);
  await log.close();
  const again = openLog(dir);
  assert.deepEqual(await again.read('a', { lines: 1000 }), written);
  assert.deepEqual(await again.read('b', { lines: 1000 }), []);
  again.write('a', line('after'));
  assert.deepEqual(texts(await again.read('a', { lines: 2 })), [written[99]?.text, 'after']);
});

test('lines are soon written to disk, readable by their owner only', async () => {
  const dir = newDir();
  openLog(dir).write('a', line('soon'));
  const path = join(dir, 'a', '0000000001.log');
  await eventually('the line is on the disk', () => readFileSync(path, 'utf8').includes(' soon\n'));
  assert.equal(statSync(path).mode & 0o777, 0o600);
  assert.equal(statSync(join(dir, 'a')).mode & 0o777, 0o700);
});

test('the newest lines of a process, a type, a source or a release are found among all others', async () => {
  const log = openLog(newDir());
  for (let i = 0; i < 3000; i++) {
    log.write('a', line(`${i}`, { process: `web.${i % 3}`, release: i % 2 }));
    if (i % 1000 === 0) {
      log.write('a', line(`clock ${i}`, { process: 'clock.1' }));
      log.write('a', line(`up ${i}`, { source: 'platform', process: 'web.1' }));
      log.write('a', line(`built ${i}`, { source: 'build', process: 'build', release: null }));
      await log.flush();
    }
  }
  assert.deepEqual(texts(await log.read('a', { lines: 2, process: 'web.1' })), ['2995', '2998']);
  assert.deepEqual(texts(await log.read('a', { lines: 2, process: 'web', release: 1 })), ['2997', '2999']);
  assert.deepEqual(texts(await log.read('a', { lines: 2, process: 'clock' })), ['clock 1000', 'clock 2000']);
  assert.deepEqual(texts(await log.read('a', { lines: 1, source: 'platform' })), ['up 2000']);
  assert.deepEqual(texts(await log.read('a', { lines: 3, source: ['platform', 'build'] })), [
    'built 1000',
    'up 2000',
    'built 2000',
  ]);
  assert.deepEqual(await log.read('a', { lines: 5, process: 'we' }), []);
  assert.deepEqual(await log.read('a', { lines: 0 }), []);
});

test('a log keeps its newest lines within its size limit', async () => {
  const dir = newDir();
  const log = openLog(dir, { bytesPerApp: 256 * 1024 });
  const count = 20_000;
  for (let i = 0; i < count; i++) {
    log.write('a', line(`line ${i}`, { source: 'build' }));
    if (i % 2000 === 0) await log.flush();
    assert.ok(i % 2000 !== 0 || bytesIn(join(dir, 'a')) <= 256 * 1024);
  }
  await log.flush();
  assert.ok(bytesIn(join(dir, 'a')) <= 256 * 1024);
  const kept = texts(await log.read('a', { lines: count }));
  assert.ok(kept.length > 2000);
  assert.deepEqual(
    kept,
    Array.from({ length: kept.length }, (_, i) => `line ${count - kept.length + i}`),
  );
  await log.close();
  const again = openLog(dir, { bytesPerApp: 256 * 1024 });
  assert.deepEqual(texts(await again.read('a', { lines: count })), kept);
  assert.ok(await again.forgotBefore('a'));
});

test('a long line is split into pieces of 10,000 bytes, and a text with line breaks into lines', async () => {
  const log = openLog(newDir());
  log.write('a', line(`${'ü'.repeat(12_000)}\nnext`));
  const read = await log.read('a', { lines: 10 });
  assert.deepEqual(
    read.map(({ text }) => Buffer.byteLength(text)),
    [10_000, 10_000, 4000, 4],
  );
});

test('a follower sees every line once, with no gap between old and new lines', async () => {
  const log = openLog(newDir());
  const count = 6000;
  const stop = new AbortController();
  const heard: Promise<readonly string[]>[] = [];
  const hear = async (lines: number) => {
    const seen: string[] = [];
    for await (const { text } of log.follow('a', { lines, source: 'build' }, stop.signal)) {
      seen.push(text);
      if (text === 'end') break;
    }
    return seen;
  };
  for (let i = 0; i < count; i++) {
    if (i % 500 === 0) heard.push(hear(count));
    log.write('a', line(`${i}`, { source: 'build' }));
    log.write('a', line('not of interest'));
    // At different times: at once, after a microtask, after writes to the disk.
    if (i % 7 === 0) await null;
    if (i % 97 === 0) await new Promise((resolve) => setImmediate(resolve));
    if (i % 1003 === 0) await log.flush();
  }
  log.write('a', line('end', { source: 'build' }));
  const whole = [...Array.from({ length: count }, (_, i) => `${i}`), 'end'];
  for (const seen of await Promise.all(heard)) assert.deepEqual(seen, whole);
  stop.abort();
});

test('following ends when it is aborted and when the app is destroyed', async () => {
  const dir = newDir();
  const log = openLog(dir);
  log.write('a', line('one'));
  const stop = new AbortController();
  const byKey = log.follow('a', { lines: 10 }, stop.signal)[Symbol.asyncIterator]();
  const byEnd = log.follow('a', { lines: 10 }, new AbortController().signal)[Symbol.asyncIterator]();
  assert.equal((await byKey.next()).value.text, 'one');
  assert.equal((await byEnd.next()).value.text, 'one');
  const waiting = [byKey.next(), byEnd.next()];
  stop.abort();
  assert.equal((await waiting[0])?.done, true);
  await log.remove('a');
  assert.equal((await waiting[1])?.done, true);
  log.write('a', line('late'));
  await log.flush();
  assert.deepEqual(readdirSync(dir), []);
  assert.deepEqual(await log.read('a', { lines: 1 }), []);
});

test('a slow reader gets the number of lines that it missed, and the log goes on', async () => {
  const log = openLog(newDir());
  const stop = new AbortController();
  const reader = log.follow('a', { lines: 0 }, stop.signal)[Symbol.asyncIterator]();
  const first = reader.next();
  await eventually('it follows', async () => {
    log.write('a', line('first', { source: 'build' }));
    return await Promise.race([first.then(() => true), new Promise((resolve) => setImmediate(resolve, false))]);
  });
  for (let i = 0; i < 25_000; i++) log.write('a', line(`${i}`, { source: 'build' }));
  let skipped = 0;
  let seen = 0;
  while (skipped === 0) {
    const { value } = await reader.next();
    skipped = Number(/^(\d+) lines skipped here/.exec(value.text)?.[1] ?? 0);
    if (/^\d+$/.test(value.text)) seen += 1;
  }
  assert.equal(seen + skipped, 25_000);
  assert.equal((await log.read('a', { lines: 30_000 })).length > 25_000, true);
  stop.abort();
});

test('a process that floods its log loses lines, which are counted, and other processes lose none', async () => {
  const log = openLog(newDir(), {
    floodLimits: { linesPerSecond: 100, bytesPerSecond: 100_000, burstSeconds: 2 },
    clock: { ...systemClock, monotonicMs: () => 0 },
  });
  for (let i = 0; i < 1000; i++) log.write('a', line(`flood ${i}`));
  for (let i = 0; i < 150; i++) log.write('a', line(`calm ${i}`, { process: 'worker.1' }));
  log.write('a', line('State changed', { source: 'platform' }));
  const kept = texts(await log.read('a', { lines: 2000 }));
  assert.equal(kept.filter((text) => text.startsWith('flood')).length, 200);
  assert.equal(kept.filter((text) => text.startsWith('calm')).length, 150);
  assert.ok(kept.includes('State changed'));
  const [told] = await eventually('the loss is reported', async () => {
    const lines = await log.read('a', { lines: 10, process: 'web.1', source: 'platform' });
    const about = lines.filter(({ text }) => text.includes('dropped'));
    return about.length > 0 && about;
  });
  assert.match(told?.text ?? '', /^800 lines of web\.1 dropped here: more than 100 lines or 98 KiB a second\.$/);
});

test('a line cut off by a crash damages no other line', async () => {
  const dir = newDir();
  const log = openLog(dir);
  log.write('a', line('whole'));
  await log.close();
  appendFileSync(join(dir, 'a', '0000000001.log'), '2026-01-01T00:00:00.000Z app web.1 1 - cut o');
  const again = openLog(dir);
  again.write('a', line('next'));
  await again.flush();
  const kept = texts(await again.read('a', { lines: 10 }));
  assert.deepEqual([kept[0], kept.at(-1)], ['whole', 'next']);
});

test('a full disk loses lines, which are counted when there is space again', async () => {
  const dir = newDir();
  // A file in place of the folder fails every write, even for root, like a full disk.
  writeFileSync(join(root, 'in-the-way'), '');
  const log = openLog(join(root, 'in-the-way'));
  for (let i = 0; i < 10; i++) log.write('a', line(`lost ${i}`));
  await log.flush();
  log.write('a', line('lost too'));
  await log.flush();
  rmSync(join(root, 'in-the-way'));
  log.write('a', line('kept'));
  await log.flush();
  await log.flush();
  const kept = texts(await log.read('a', { lines: 10 }));
  assert.deepEqual(kept, ['kept', '11 lines dropped here: they could not be written to the disk.']);
  assert.ok(!readdirSync(root).includes(dir));
});
