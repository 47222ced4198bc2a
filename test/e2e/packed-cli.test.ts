import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { checkout } from '../support/source-files.ts';

const folder = mkdtempSync(join(tmpdir(), 'paas-packed-'));
const installed = join(folder, 'lib/node_modules/paas');
const env = { ...process.env, HOME: folder, XDG_CONFIG_HOME: folder, NO_COLOR: '1' };
let files: readonly string[] = [];

after(() => rmSync(folder, { recursive: true, force: true }));

before(() => {
  // npm beside the packages, as `npm test` finds it; it may be an older Node's.
  const pack = spawnSync('npm', ['pack', '--silent', '--pack-destination', folder], {
    cwd: checkout,
    encoding: 'utf8',
  });
  assert.equal(pack.status, 0, `${pack.stdout}${pack.stderr}`);
  const tarball = readdirSync(folder).find((name) => name.endsWith('.tgz')) ?? '';
  const list = spawnSync('tar', ['-tzf', join(folder, tarball)], { encoding: 'utf8' });
  files = list.stdout.trim().split('\n');
  // In the place of `npm install --global`. The dependencies are the checkout's, so that nothing is downloaded twice.
  spawnSync('mkdir', ['-p', installed]);
  assert.equal(spawnSync('tar', ['-xzf', join(folder, tarball), '-C', installed, '--strip-components=1']).status, 0);
  symlinkSync(join(checkout, 'node_modules'), join(installed, 'node_modules'));
});

function paas(args: readonly string[], options: readonly string[] = []) {
  const command = [...options, join(installed, 'src/cli/paas.cjs'), ...args];
  return spawnSync(process.execPath, command, { encoding: 'utf8', env, cwd: folder });
}

test('the package contains the compiled code, and neither sources nor tests', () => {
  assert.ok(files.includes('package/dist/cli/main.js'));
  assert.deepEqual(files.filter((path) => /^package\/(src|test)\//.test(path)).sort(), [
    'package/src/bootstrap.cjs',
    'package/src/cli/paas.cjs',
  ]);
});

test('the installed command runs without the sources', () => {
  const { version } = JSON.parse(readFileSync(join(checkout, 'package.json'), 'utf8')) as { version: string };
  const run = paas(['--version']);
  assert.equal(run.status, 0, run.stderr);
  assert.match(run.stdout, new RegExp(version.replaceAll('.', '\\.')));
  assert.match(paas(['--help']).stdout, /create/);
});

test('the installed command can be started with an older Node, and runs on its own', () => {
  const older = join(folder, 'older-node.cjs');
  writeFileSync(
    older,
    `Object.defineProperty(process, 'version', { value: 'v20.20.2' }); process.execPath = '/usr/bin/older-node';`,
  );
  const run = paas(['--version'], ['--require', older]);
  assert.equal(run.status, 0, run.stderr);
  assert.equal(paas(['no-such-command'], ['--require', older]).status, 127);
});
