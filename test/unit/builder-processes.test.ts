import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { StartableProcess } from '../../src/builder/cnb/launch-plan.ts';
import { commandLine } from '../../src/builder/cnb/launch-plan.ts';
import { shellGivesWay } from '../../src/builder/cnb/launcher.ts';
import { argvOf } from '../../src/builder/dockerfile/argv.ts';
import { announceExport, announceProcesses, mergeProcesses } from '../../src/builder/processes.ts';
import { parseProcfile } from '../../src/domain/procfile.ts';
import { HeardOutput } from '../support/heard-output.ts';

function direct(type: string, ...command: string[]): StartableProcess {
  return { type, kind: 'direct', command, args: [], workingDir: null };
}

test('a Procfile adds to what the buildpack offers, and its own word counts', () => {
  const defaults = [direct('web', 'npm', 'start'), direct('console', 'node')];
  const merged = mergeProcesses(parseProcfile('web: node a.js\nworker: node b.js'), defaults);
  assert.deepEqual(merged.declared, ['web', 'worker']);
  assert.deepEqual(merged.defaults, ['console']);
  assert.deepEqual(merged.all.map(commandLine), ['node a.js', 'node b.js', 'node']);
});

test('a Procfile without web means that nothing is served', () => {
  const merged = mergeProcesses(parseProcfile('worker: node b.js'), [direct('web', 'npm', 'start')]);
  assert.deepEqual(
    merged.all.map(({ type }) => type),
    ['worker'],
  );
});

test('without a Procfile the defaults are all there is', () => {
  assert.deepEqual(mergeProcesses(null, [direct('web', 'npm', 'start')]).defaults, ['web']);
});

test('a pusher reads which process types there are, in the usual words', () => {
  const output = new HeardOutput();
  announceProcesses(mergeProcesses(parseProcfile('worker: x'), [direct('rake', 'rake')]), 'Ruby', output);
  assert.deepEqual(output.lines, [
    '-----> Discovering process types',
    '       Procfile declares types -> worker',
    '       Default types for Ruby -> rake',
  ]);
});

test('who declares a release command is told that nobody runs it yet', () => {
  const output = new HeardOutput();
  announceProcesses(mergeProcesses(parseProcfile('web: x\nrelease: migrate'), []), 'Ruby', output);
  assert.deepEqual(output.lines.slice(1), [
    '       Procfile declares types -> web, release',
    ' !     The release command is not run: there is no release phase here yet. Run it yourself with paas run.',
  ]);
});

test('packing, which may take a moment, is announced before it begins, with the types it is for', () => {
  const output = new HeardOutput();
  announceExport([direct('web', 'npm', 'start')], { builderName: 'Node.js', procfile: null, output });
  assert.deepEqual(output.lines.slice(-2), ['       Default types for Node.js -> web', '-----> Compressing...']);
});

test('a source with nothing to run is refused: it would take away what serves', () => {
  const announce = () => announceProcesses(mergeProcesses(null, []), 'Node.js', new HeardOutput());
  assert.throws(announce, { code: 'build_failed', message: /^Nothing says what to run/, hint: /Procfile/ });
});

test('a Procfile of comments alone is as good as none', () => {
  const merged = mergeProcesses(parseProcfile('# web: later\n'), [direct('web', 'npm', 'start')]);
  assert.deepEqual(merged.defaults, ['web']);
});

test('a command is shown as its author wrote it', () => {
  assert.equal(commandLine(direct('web', 'bash', '-c', 'node server.js')), 'node server.js');
  assert.equal(commandLine(direct('web', 'node', 'my app.js', "it's")), "node 'my app.js' 'it'\\''s'");
});

test('it is known which command lines bash gives way to', () => {
  for (const line of ['node server.js', 'FOO=1 node server.js', 'cd dist && node server.js', 'a; b --c "d e"']) {
    assert.ok(shellGivesWay(line), line);
  }
  for (const line of [
    'node server.js 2>&1',
    'node server.js | tee log',
    'node server.js || true',
    'node server.js & wait',
    'if true; then node x; fi',
    'a; if true; then node x; fi',
    'node server.js;',
    '(node x)',
    'trap "x" TERM; node x',
    'node $(cat main)',
    'node x # why',
    '',
  ]) {
    assert.ok(!shellGivesWay(line), line);
  }
});

test('a plain command needs no shell in an image that may have none', () => {
  assert.deepEqual(argvOf('./server --port 80'), ['./server', '--port', '80']);
  assert.deepEqual(argvOf('./server --port $PORT'), ['sh', '-c', './server --port $PORT']);
  assert.deepEqual(argvOf('A=1 ./server'), ['sh', '-c', 'A=1 ./server']);
});
