import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { PlatformError } from '../../src/domain/errors.ts';
import { LauncherLock, lockPath, readLock, runningLauncher } from '../../src/launcher/lock.ts';
import { describeProcess, isRunning } from '../../src/launcher/running-process.ts';

const root = mkdtempSync(join(tmpdir(), 'paas-lock-'));
after(() => rmSync(root, { recursive: true, force: true }));
const newHome = () => mkdtempSync(join(root, 'home-'));

function sleeper() {
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' });
  const gone = new Promise((resolve) => child.once('exit', resolve));
  return {
    pid: child.pid ?? 0,
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL');
      await gone;
    },
  };
}

test('a second launcher of the same PAAS_HOME is told who has it', () => {
  const home = newHome();
  const lock = LauncherLock.acquire(home);
  assert.throws(
    () => LauncherLock.acquire(home),
    (error) => {
      assert.ok(error instanceof PlatformError);
      assert.equal(error.code, 'conflict');
      assert.match(
        error.message,
        new RegExp(`^The platform in ${home} is running already: process ${process.pid}, since 20`),
      );
      return true;
    },
  );
  lock.release();
  assert.equal(runningLauncher(home), null);
  LauncherLock.acquire(home).release();
});

test('what a killed launcher left running is known to the next one', async () => {
  const home = newHome();
  await using program = sleeper();
  const killed = sleeper();
  const lock = LauncherLock.acquire(home);
  lock.record({ resolver: program.pid });
  writeFileSync(lockPath(home), JSON.stringify({ ...readLock(home), launcher: describeProcess(killed.pid) }));
  await killed[Symbol.asyncDispose]();
  const next = LauncherLock.acquire(home);
  assert.deepEqual(
    next.orphans.map(({ pid }) => pid),
    [program.pid],
  );
  next.release();
});

test('a process that got the number of a dead one is not taken for it', async () => {
  await using program = sleeper();
  const known = describeProcess(program.pid);
  assert.equal(isRunning(known), true);
  assert.equal(isRunning({ ...known, startTicks: '1' }), false);
});

test('a lock file cut short by a power failure locks nobody out', () => {
  const home = newHome();
  LauncherLock.acquire(home);
  writeFileSync(lockPath(home), '{"launcher":{"pi');
  LauncherLock.acquire(home).release();
});
