import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { StartableProcess } from '../../src/builder/cnb/launch-plan.ts';
import { commandLine } from '../../src/builder/cnb/launch-plan.ts';
import { argvOf } from '../../src/builder/dockerfile/argv.ts';
import { announceExport, announceProcesses, mergeProcesses } from '../../src/builder/processes.ts';
import { parseProcfile } from '../../src/domain/procfile.ts';
import { RecordedOutput } from '../support/recorded-output.ts';

function direct(type: string, ...command: string[]): StartableProcess {
  return { type, kind: 'direct', command, args: [], workingDir: null };
}

test("a Procfile adds to the buildpack's process types and takes precedence", () => {
  const defaults = [direct('web', 'npm', 'start'), direct('console', 'node')];
  const merged = mergeProcesses(parseProcfile('web: node a.js\nworker: node b.js'), defaults);
  assert.deepEqual(merged.declared, ['web', 'worker']);
  assert.deepEqual(merged.defaults, ['console']);
  assert.deepEqual(merged.all.map(commandLine), ['node a.js', 'node b.js', 'node']);
});

test('a Procfile without web means no web process', () => {
  const merged = mergeProcesses(parseProcfile('worker: node b.js'), [direct('web', 'npm', 'start')]);
  assert.deepEqual(
    merged.all.map(({ type }) => type),
    ['worker'],
  );
});

test("without a Procfile the buildpack's defaults are used", () => {
  assert.deepEqual(mergeProcesses(null, [direct('web', 'npm', 'start')]).defaults, ['web']);
});

test("the pusher reads the process types, in Heroku's words", () => {
  const output = new RecordedOutput();
  announceProcesses(mergeProcesses(parseProcfile('worker: x'), [direct('rake', 'rake')]), 'Ruby', output);
  assert.deepEqual(output.lines, [
    '-----> Discovering process types',
    '       Procfile declares types -> worker',
    '       Default types for Ruby -> rake',
  ]);
});

test('a release command gives a warning that it is not run', () => {
  const output = new RecordedOutput();
  announceProcesses(mergeProcesses(parseProcfile('web: x\nrelease: migrate'), []), 'Ruby', output);
  assert.deepEqual(output.lines.slice(1), [
    '       Procfile declares types -> web, release',
    ' !     The release command is not run: there is no release phase here yet. Run it yourself with paas run.',
  ]);
});

test('the packing step is announced before it begins, with the process types', () => {
  const output = new RecordedOutput();
  announceExport([direct('web', 'npm', 'start')], { builderName: 'Node.js', procfile: null, output });
  assert.deepEqual(output.lines.slice(-2), ['       Default types for Node.js -> web', '-----> Compressing...']);
});

test('a source without a process is refused, because it would replace a serving version', () => {
  const announce = () => announceProcesses(mergeProcesses(null, []), 'Node.js', new RecordedOutput());
  assert.throws(announce, { code: 'build_failed', message: /^Nothing says what to run/, hint: /Procfile/ });
});

test('a line that starts the builder’s own program gets the signal of that program', () => {
  const site = { ...direct('web', 'serve-static'), stopSignal: 'SIGQUIT' };
  const signals = (line: string) => mergeProcesses(parseProcfile(line), [site]).all.map(({ stopSignal }) => stopSignal);
  assert.deepEqual(signals('web: serve-static --gzip\nworker: node w.js'), ['SIGQUIT', undefined]);
});

test('a Procfile with only comments counts as no Procfile', () => {
  const merged = mergeProcesses(parseProcfile('# web: later\n'), [direct('web', 'npm', 'start')]);
  assert.deepEqual(merged.defaults, ['web']);
});

test('a command is shown as its author wrote it', () => {
  assert.equal(commandLine(direct('web', 'bash', '-c', 'node server.js')), 'node server.js');
  assert.equal(commandLine(direct('web', 'node', 'my app.js', "it's")), "node 'my app.js' 'it'\\''s'");
});

test('a plain command needs no shell in an image that may have none', () => {
  assert.deepEqual(argvOf('./server --port 80'), ['./server', '--port', '80']);
  assert.deepEqual(argvOf('./server --port $PORT'), ['sh', '-c', './server --port $PORT']);
  assert.deepEqual(argvOf('A=1 ./server'), ['sh', '-c', 'A=1 ./server']);
});
