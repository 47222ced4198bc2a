import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { environment } from '../../src/config/environment.ts';
import { changedSuites, reasonNotToBegin } from '../runner/changed-suites.ts';
import { changesSinceLanding } from '../runner/changes.ts';
import { chosenBy } from '../runner/chosen.ts';
import { paceOf } from '../runner/pace.ts';
import { suites } from '../runner/suites.ts';
import { checkout } from '../support/source-files.ts';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'paas-landing-'));
  git('init', '--quiet', '--initial-branch', 'main');
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

function git(...args: readonly string[]): string {
  const who = ['-c', 'user.name=Ada', '-c', 'user.email=ada@example.com'];
  return execFileSync('git', [...who, ...args], { cwd: folder, encoding: 'utf8' }).trim();
}

function commit(path: string, text = path): string {
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  writeFileSync(join(folder, path), text);
  git('add', '--all');
  git('commit', '--quiet', '--message', path);
  return git('rev-parse', 'HEAD');
}

describe('what changed since the previous landing', () => {
  it('is counted from the commit in .ci/landed', () => {
    const landed = commit('src/a.ts');
    commit('.ci/landed', `${landed}\n`);
    commit('src/engine/b.ts');
    assert.deepEqual(changesSinceLanding(folder), { since: landed, paths: ['.ci/landed', 'src/engine/b.ts'] });
  });

  it('is the content of the last merge', () => {
    commit('src/a.ts');
    git('switch', '--quiet', '--create', 'work');
    commit('src/engine/b.ts');
    git('switch', '--quiet', 'main');
    const landed = commit('src/c.ts');
    git('merge', '--quiet', '--no-ff', '--no-edit', 'work');
    assert.deepEqual(changesSinceLanding(folder), { since: landed, paths: ['src/engine/b.ts'] });
  });

  it('has both names of a file that was moved', () => {
    const landed = commit('src/engine/a.ts');
    commit('.ci/landed', landed);
    git('mv', 'src/engine/a.ts', 'src/a.ts');
    git('commit', '--quiet', '--message', 'Move');
    assert.deepEqual(changesSinceLanding(folder)?.paths, ['.ci/landed', 'src/a.ts', 'src/engine/a.ts']);
  });

  it('is unknown without the mark, or when the mark is not in the history', () => {
    commit('src/a.ts');
    assert.equal(changesSinceLanding(folder), null);
    commit('.ci/landed', '0123456789012345678901234567890123456789');
    assert.equal(changesSinceLanding(folder), null);
    commit('.ci/landed', '--output=/tmp/x');
    assert.equal(changesSinceLanding(folder), null);
  });
});

describe('the longer suites', () => {
  const named = (paths: readonly string[] | null) =>
    changedSuites(paths === null ? null : { since: 'x', paths }, suites).map(({ name }) => name);

  it('run when their files changed, and all run when that is unknown', () => {
    assert.deepEqual(named(['src/cli/main.ts', 'test/contract/store.contract.ts']), []);
    for (const path of ['src/engine/images.ts', 'src/domain/engine.ts', 'test/contract/engine-images.contract.ts']) {
      assert.deepEqual(named([path]), ['engines'], path);
    }
    assert.deepEqual(named(['src/api/attach.ts']), ['attack']);
    assert.deepEqual(named(['src/resolver/proxy.ts']), ['attack', 'chaos']);
    assert.deepEqual(
      named(null),
      suites.map(({ name }) => name),
    );
  });

  it('are not started where they cannot run, and the command for later is printed', () => {
    const engines = suites.find(({ name }) => name === 'engines');
    assert.ok(engines);
    assert.equal(reasonNotToBegin(engines, 15), null);
    assert.equal(
      reasonNotToBegin(engines, 14.9),
      'engines: it takes 15 minutes and 14 are left. Run: npm run test:engines',
    );
  });

  it('can be chosen by name, with one setting, and unknown names are refused', () => {
    const { batches, suites: chosen, settings } = chosenBy(['engines', 'newer-graph']);
    assert.deepEqual([batches.length, chosen.map(({ name }) => name), settings], [0, ['engines'], ['newer-graph']]);
    assert.equal(chosenBy([]).batches.length, 5);
    assert.deepEqual(chosenBy(['test/engines/one-push.test.ts']).batches, [
      { files: ['test/engines/one-push.test.ts'], concurrency: 1 },
    ]);
    assert.deepEqual(chosenBy(['attack', 'pipelining']).suites[0]?.files, ['test/attack/pipelining.test.ts']);
    assert.ok((chosenBy(['attack']).suites[0]?.files.length ?? 0) > 0);
    for (const unknown of ['pipelining', 'newer-graph', 'unitt', 'test/none.test.ts']) {
      assert.throws(() => chosenBy([unknown]), { code: 'invalid_params' }, unknown);
    }
  });
});

describe('deadlines', () => {
  it('are as written on a fast machine, longer on a slow one, and always limited', () => {
    assert.deepEqual([paceOf(100), paceOf(300), paceOf(750), paceOf(60_000)], [1, 1, 2.5, 8]);
  });

  it('are scaled in every test file by the speed that the runner measured', () => {
    const text = `import { scaled } from '${checkout}/test/support/deadline.ts'; console.log(scaled(1000));`;
    const scaledWith = (pace: string) =>
      execFileSync(process.execPath, ['--input-type=module', '--eval', text], {
        env: { ...environment(), PAAS_TEST_PACE: pace },
        encoding: 'utf8',
      }).trim();
    assert.deepEqual(['2.5', '0.5', ''].map(scaledWith), ['2500', '1000', '1000']);
  });
});
