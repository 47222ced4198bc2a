import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';
import { PlatformError } from '../../src/domain/errors.ts';
import { LauncherLock, lockPath, readLock, runningLauncher } from '../../src/launcher/lock.ts';
import { describeProcess, endProcesses, isRunning, signalProcess } from '../../src/launcher/running-process.ts';
import { checkout } from '../support/source-files.ts';

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

test('a second launcher of the same PAAS_HOME gets an error that names the first', async () => {
  const home = newHome();
  const lock = await LauncherLock.acquire(home);
  await assert.rejects(LauncherLock.acquire(home), (error) => {
    assert.ok(error instanceof PlatformError);
    assert.equal(error.code, 'conflict');
    assert.match(
      error.message,
      new RegExp(`^The platform in ${home} is already running: process ${process.pid}, since 20`),
    );
    return true;
  });
  lock.release();
  assert.equal(runningLauncher(home), null);
  (await LauncherLock.acquire(home)).release();
});

test('the next launcher finds the programs of a killed one', async () => {
  const home = newHome();
  await using program = sleeper();
  const killed = sleeper();
  const lock = await LauncherLock.acquire(home);
  lock.writePrograms({ resolver: program.pid });
  const left = JSON.stringify({ ...readLock(home), launcher: describeProcess(killed.pid) });
  lock.release();
  writeFileSync(lockPath(home), left);
  await killed[Symbol.asyncDispose]();
  const next = await LauncherLock.acquire(home);
  assert.equal(next.left.resolver?.pid, program.pid);
  assert.equal(readLock(home)?.programs.resolver?.pid, program.pid, 'a launcher that is killed now leaves it too');
  next.release();
});

test('programs get time to end, and no signal goes to this process group', async () => {
  await using program = sleeper();
  const left = describeProcess(program.pid);
  await endProcesses([left], 10_000);
  assert.equal(isRunning(left), false);
  await endProcesses([left], 0);
  signalProcess({ pid: 0, startTicks: null }, 'SIGKILL');
  signalProcess({ pid: -1, startTicks: null }, 'SIGKILL');
});

test('a process that reuses the id of a dead one is not mistaken for it', async () => {
  await using program = sleeper();
  const known = describeProcess(program.pid);
  assert.equal(isRunning(known), true);
  assert.equal(isRunning({ ...known, startTicks: '1' }), false);
});

test('a lock file cut off by a power failure blocks nobody', async () => {
  const home = newHome();
  mkdirSync(dirname(lockPath(home)));
  writeFileSync(lockPath(home), '{"launcher":{"pi');
  (await LauncherLock.acquire(home)).release();
});

test('of ten launchers that find a stale lock at the same moment, one gets it', async () => {
  const home = newHome();
  mkdirSync(dirname(lockPath(home)));
  writeFileSync(
    lockPath(home),
    JSON.stringify({ launcher: { pid: 1, startTicks: 'long ago' }, startedAt: '2020-01-01T00:00:00Z', programs: {} }),
  );
  const script = join(root, 'acquire.ts');
  writeFileSync(
    script,
    `import { LauncherLock } from ${JSON.stringify(join(checkout, 'src/launcher/lock.ts'))};
     LauncherLock.acquire(${JSON.stringify(home)}).then(
       () => { console.log('mine'); process.stdin.resume(); },
       () => { console.log('not mine'); },
     );`,
  );
  const children = Array.from({ length: 10 }, () =>
    spawn(process.execPath, [script], { stdio: ['pipe', 'pipe', 'inherit'] }),
  );
  const answers = await Promise.all(
    children.map(
      (child) => new Promise<string>((resolve) => child.stdout.once('data', (text) => resolve(`${text}`.trim()))),
    ),
  );
  for (const child of children) child.stdin.end();
  assert.deepEqual(answers.sort(), ['mine', ...Array<string>(9).fill('not mine')]);
});
