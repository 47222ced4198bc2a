import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { Program, restartDelayMs } from '../../src/launcher/program.ts';
import { watchProgram } from '../../src/launcher/program-watch.ts';
import { silenceAfter } from '../../src/launcher/silence.ts';
import type { LinkHello } from '../../src/system/program-link.ts';
import { eventually } from '../support/eventually.ts';
import { checkout } from '../support/source-files.ts';

const folder = mkdtempSync(join(tmpdir(), 'paas-program-'));
const output = openSync(join(folder, 'output.log'), 'a');
after(() => {
  closeSync(output);
  rmSync(folder, { recursive: true, force: true });
});

const never = new AbortController().signal;
let count = 0;

/** A real program with these lines, kept running. */
function programOf(...lines: readonly string[]) {
  const script = join(folder, `program-${count++}.ts`);
  writeFileSync(script, lines.join('\n'));
  return programAt(script);
}

function programAt(script: string) {
  const deaths: string[] = [];
  const program = new Program({
    name: 'sample',
    script,
    link: `${script}.link`,
    identity: 'this version',
    output,
    onChange: () => undefined,
    onDeath: (what) => deaths.push(what),
  });
  return Object.assign(program, { deaths, script, [Symbol.asyncDispose]: () => program.stop(2000) });
}

const staysUp = 'setInterval(() => undefined, 1000);';
const ready = `
import { openProgramLink } from ${JSON.stringify(join(checkout, 'src/system/program-link.ts'))};
const [path, identity] = process.argv.slice(2);
const link = await openProgramLink({ path, identity, socketFd: null, forsaken: () => process.exit(0), lookEveryMs: 50 });
link.ready(() => ({ apiPort: 4711 }));
`;

test('a program is ready when it reports its ports', async () => {
  await using program = programOf(staysUp, ready);
  assert.equal((await program.start()).apiPort, 4711);
});

test('a killed program is restarted at once, as a new process', async () => {
  await using program = programOf(staysUp, ready);
  await program.start();
  const first = program.pid;
  process.kill(first ?? 0, 'SIGKILL');
  await eventually('it runs again', () => program.pid !== null && program.pid !== first);
  assert.deepEqual(program.deaths, ['SIGKILL; started again at once']);
});

test('a program that cannot start fails after three attempts, with its exit code', async () => {
  await using program = programOf('process.exit(9);');
  await assert.rejects(program.start(), /The sample ended 3 times before it was ready \(exit code 9\)/);
  assert.equal(program.deaths.length, 2);
  assert.equal(program.pid, null);
});

test('a stopped program stays stopped, and gets time to end', async () => {
  const told = join(folder, 'told');
  const program = programOf(
    `import { writeFileSync } from 'node:fs';`,
    `process.on('SIGTERM', () => { writeFileSync(${JSON.stringify(told)}, 'goodbye'); process.exit(0); });`,
    staysUp,
    ready,
  );
  await program.start();
  await program.stop(5000);
  await program.stop(5000);
  assert.equal(readFileSync(told, 'utf8'), 'goodbye');
  assert.equal(program.pid, null);
  assert.deepEqual(program.deaths, []);
});

test('a program that does not end is killed after the grace period', async () => {
  const program = programOf(`process.on('SIGTERM', () => undefined);`, staysUp, ready);
  await program.start();
  await program.stop(200);
  assert.equal(program.pid, null);
});

test('restarts are immediate at first, then soon, and slow only after many', () => {
  const failures = [1, 2, 3, 4, 5, 10, 11, 100];
  const delays = (wasReady: boolean) => failures.map((count) => restartDelayMs(count, wasReady));
  assert.deepEqual(delays(false), [0, 125, 250, 500, 1000, 1000, 10_000, 10_000]);
  assert.deepEqual(delays(true), [0, 125, 250, 500, 1000, 1000, 1000, 1000]);
});

const loop = `process.on('SIGHUP', () => { for (;;) continue; });`;
for (const [hang, signal] of [
  ['is stopped', 'SIGSTOP'],
  ['works in an endless loop', 'SIGHUP'],
] as const) {
  test(`a program that ${hang} is killed after 2 s and started again`, async () => {
    await using program = programOf(staysUp, loop, ready);
    await program.start();
    const { pid } = program;
    process.kill(pid ?? 0, signal);
    await eventually('another one runs', () => program.pid !== null && program.pid !== pid);
    assert.deepEqual(program.deaths, ['did not answer for 2 s; started again at once']);
  });
}

test('the next launcher adopts a program that runs, and is not its parent when it ends', async () => {
  const first = programOf(staysUp, ready);
  await first.start();
  const living = { pid: first.pid ?? 0, identity: 'this version', facts: {} };
  await using second = programAt(first.script);
  assert.equal((await second.start(living)).apiPort, 4711);
  assert.equal(second.pid, first.pid);
  assert.deepEqual(second.deaths, []);
  await first.stop(5000);
  await eventually('it is started again', () => second.pid !== null && second.pid !== living.pid);
  assert.deepEqual(second.deaths, ['ended; started again at once']);
});

test('a program that is still starting is adopted, and ready when it says so', async () => {
  const late = ready
    .replace('const [path', "const heard = new Promise((resolve) => process.on('SIGHUP', resolve));\nconst [path")
    .replace('link.ready(', 'await heard;\nlink.ready(');
  const first = programOf(staysUp, late);
  const started = first.start();
  const path = `${first.script}.link`;
  await eventually('its link is there', () => existsSync(path));
  await using second = programAt(first.script);
  const adopted = second.start({ pid: first.pid ?? 0, identity: 'this version', facts: null });
  process.kill(first.pid ?? 0, 'SIGHUP');
  assert.deepEqual(await Promise.all([started, adopted]), [{ apiPort: 4711 }, { apiPort: 4711 }]);
  await first.stop(5000);
});

test('a program without a launcher goes on, and ends when its home is gone', async () => {
  const { script } = programOf(staysUp, ready);
  const path = `${script}.link`;
  const child = spawn(process.execPath, [script, path, 'this version'], { stdio: 'ignore' });
  const exited = once(child, 'exit');
  const leaving = new AbortController();
  const greeted = Promise.withResolvers<LinkHello>();
  await eventually('it is ready', () => existsSync(path));
  const watched = watchProgram({ path, pid: null, onHello: greeted.resolve, signal: leaving.signal });
  assert.equal((await greeted.promise).identity, 'this version');
  leaving.abort();
  assert.equal(await watched, 'left');
  assert.equal(child.exitCode, null);
  rmSync(path);
  assert.deepEqual(await exited, [0, null]);
  assert.equal(await watchProgram({ path, pid: null, onHello: () => undefined, signal: never }), 'absent');
});

test('silence counts only while the program could have answered', () => {
  const quiet = { hasBeaten: false, elapsedMs: 250, starvedMs: 0, isInDiskWait: false };
  assert.equal(silenceAfter(1000, quiet), 1250);
  assert.equal(silenceAfter(1000, { ...quiet, hasBeaten: true }), 0);
  assert.equal(silenceAfter(1000, { ...quiet, starvedMs: 200 }), 1050, 'it waited for a CPU');
  assert.equal(silenceAfter(1000, { ...quiet, starvedMs: 900 }), 1000);
  assert.equal(silenceAfter(1000, { ...quiet, isInDiskWait: true }), 1000);
  assert.equal(silenceAfter(1000, { ...quiet, elapsedMs: 60_000 }), 1000, 'the machine was suspended');
});
