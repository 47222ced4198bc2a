import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, beforeEach, test } from 'node:test';
import { paths } from '../../src/config/paths.ts';
import { LauncherLock, lockPath } from '../../src/launcher/lock.ts';
import { makeStartRoom } from '../../src/launcher/start-room.ts';
import { RouteJournal } from '../../src/resolver/route-journal.ts';
import { openStore } from '../../src/store/store.ts';
import { DiskReserve } from '../../src/system/disk-reserve.ts';
import { isRoot } from '../../src/system/privileges.ts';
import { eventually } from '../support/eventually.ts';
import { SmallDisk } from '../support/small-disk.ts';
import { storeFixture } from '../support/store-fixture.ts';

const options = isRoot() ? {} : { skip: 'only root can mount a small disk' };
const root = mkdtempSync(join(tmpdir(), 'paas-small-'));
const mebibyte = 1024 * 1024;
const reserveBytes = 8 * mebibyte;
let disk: SmallDisk;
let home: string;
let reserve: DiskReserve;

if (isRoot()) {
  beforeEach(async () => {
    home = mkdtempSync(join(root, 'home-'));
    disk = new SmallDisk(home, { bytes: 32 * mebibyte, files: 400 });
    mkdirSync(paths(home).run);
    reserve = new DiskReserve({ folder: paths(home).reserve, bytes: reserveBytes });
    await reserve.refill(new AbortController().signal);
  });
  afterEach(() => disk[Symbol.dispose]());
}
after(() => rmSync(root, { recursive: true, force: true }));

const announcer = { step: () => undefined, detail: () => undefined, print: () => undefined };
const openIn = (makeRoom = () => undefined as unknown) =>
  openStore({ path: paths(home).state, keysDir: paths(home).keys, makeRoom: () => void makeRoom() });

test('a change on a full disk is refused with what is free and what to do, and reads go on', options, async () => {
  const store = await openIn();
  const { newApp, append } = await storeFixture(store);
  const app = await newApp();
  disk.fill();
  const data = { version: 'x'.repeat(mebibyte) };
  const event = {
    kind: 'platform.started',
    appId: null,
    accountId: 'a',
    actorEmail: 'a@b',
    requestId: null,
    data,
  } as const;
  await assert.rejects(store.events.append(event), {
    code: 'unavailable',
    message: /^The disk is full \(\d+ (bytes|KiB) of 32 MiB free\): nothing can be written to .*state\.db\.$/,
    hint: /^Free some space on the disk of /,
  });
  assert.equal((await store.apps.get(app.id)).name, app.name);
  disk.empty();
  await append(app.id, 'release.created');
  await store.close();
});

test('by the reserve changes go through on a full disk, again and again', options, async () => {
  const store = await openIn(() => reserve.makeRoom('run'));
  const { newApp } = await storeFixture(store);
  for (let round = 0; round < 3; round += 1) {
    disk.fill();
    await newApp();
  }
  assert.equal((await store.apps.list()).length, 3);
  await store.close();
  assert.ok(reserve.heldBytes >= reserveBytes / 4, 'what is kept for a start is still there');
});

test(
  'after a kill on a full disk, or on one without inodes, the store opens and has what was acknowledged',
  options,
  async () => {
    for (const fill of [() => disk.fill(), () => disk.fillFiles()]) {
      const program = join(import.meta.dirname, '../support/store-writer.ts');
      const child = spawn(process.execPath, [program, home], { stdio: ['ignore', 'pipe', 'ignore'] });
      let acknowledged = '';
      child.stdout.setEncoding('utf8').on('data', (text: string) => (acknowledged += text));
      await eventually('the program has written', () => acknowledged.split('\n').length > 20);
      fill();
      child.kill('SIGKILL');
      await once(child, 'close');
      fill();
      makeStartRoom({ home, reserveBytes }, announcer);
      const store = await openIn(() => reserve.makeRoom('start'));
      const app = await store.apps.get('hello');
      const kept = new Set((await store.releases.list(app.id, 10_000)).map(({ id }) => id));
      assert.deepEqual(
        acknowledged
          .split('\n')
          .slice(0, -1)
          .filter((id) => !kept.has(id)),
        [],
      );
      await store.settings.set('after', 'the start');
      await store.close();
      disk.empty();
      await reserve.refill(new AbortController().signal);
    }
  },
);

test('the journal of the routes is written again by itself when the disk takes it', options, async () => {
  const failures: unknown[] = [];
  const path = paths(home).routeSnapshot;
  const journal = new RouteJournal({
    path,
    table: () => ({ version: 7, reserved: [], routes: [] }),
    failed: (error) => failures.push(error),
    writeAgainMs: 20,
  });
  disk.fillFiles();
  journal.replaced();
  await eventually('the failure is reported', () => failures.length > 0);
  await journal.flushed();
  disk.empty();
  await eventually('the journal is there', () => /"version":7/.test(readFileSync(path, 'utf8')));
  assert.equal(failures.length, 1, 'a failure is reported when it begins');
});

test("the launcher's lock holds although its file cannot be written", options, async () => {
  disk.fillFiles();
  const lock = await LauncherLock.acquire(home);
  lock.writePrograms({ resolver: process.pid });
  await assert.rejects(LauncherLock.acquire(home), { code: 'conflict' });
  disk.empty();
  await eventually('the file is written', () => /"resolver"/.test(readFileSync(lockPath(home), 'utf8')), {
    deadlineMs: 15_000,
  });
  disk.fillFiles();
  lock.writePrograms({ resolver: process.pid, orchestrator: process.pid });
  assert.match(readFileSync(lockPath(home), 'utf8'), /"orchestrator"/, 'in the file that is there');
  lock.release();
});
