import assert from 'node:assert/strict';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { Program, restartDelayMs } from '../../src/launcher/program.ts';
import { eventually } from '../support/eventually.ts';

const folder = mkdtempSync(join(tmpdir(), 'paas-program-'));
const output = openSync(join(folder, 'output.log'), 'a');
after(() => {
  closeSync(output);
  rmSync(folder, { recursive: true, force: true });
});

let count = 0;

/** A real program with these lines, kept running. */
function programOf(...lines: readonly string[]) {
  const script = join(folder, `program-${count++}.ts`);
  writeFileSync(script, lines.join('\n'));
  const deaths: string[] = [];
  const program = new Program({
    name: 'sample',
    script,
    output,
    onChange: () => undefined,
    onDeath: (what) => deaths.push(what),
  });
  return Object.assign(program, { deaths, [Symbol.asyncDispose]: () => program.stop(2000) });
}

const staysUp = 'setInterval(() => undefined, 1000);';
const ready = `process.send?.({ type: 'ready', apiPort: 4711 });`;

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
  const delays = [1, 2, 3, 4, 5, 10, 11, 100].map(restartDelayMs);
  assert.deepEqual(delays, [0, 125, 250, 500, 1000, 1000, 10_000, 10_000]);
});
