import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cp, mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { environment } from '../../src/config/environment.ts';
import { LargeAnswers } from '../support/large-answers.ts';

const checkout = resolve(import.meta.dirname, '../..');
const runFile = promisify(execFile);
let folder: string;
let files: readonly string[];

/** Packs a copy, because the build empties its folder first. Unpacks it beside the packages that npm would install. */
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'paas-package-'));
  const copy = join(folder, 'checkout');
  for (const name of ['src', 'package.json', 'tsconfig.json', 'tsconfig.build.json']) {
    await cp(join(checkout, name), join(copy, name), { recursive: true });
  }
  await symlink(join(checkout, 'node_modules'), join(copy, 'node_modules'));
  const env = { ...environment(), npm_config_cache: join(folder, 'cache') } as NodeJS.ProcessEnv;
  const { stdout } = await runFile('npm', ['pack', '--json', '--pack-destination', folder], { cwd: copy, env });
  const [packed] = JSON.parse(stdout.slice(stdout.indexOf('[\n')));
  files = packed.files.map(({ path }: { path: string }) => path);
  await runFile('tar', ['-xzf', join(folder, packed.filename), '-C', folder]);
  await symlink(join(checkout, 'node_modules'), join(folder, 'package/node_modules'));
});

after(() => rm(folder, { recursive: true, force: true }));

test('the package contains the client and no part of the server', () => {
  const allowed =
    /^(package\.json|README\.md|LICENSE|src\/bootstrap\.cjs|src\/cli\/paas\.cjs|dist\/(cli|domain|api\/contract)(\/|\.js$).*|dist\/config\/(credentials|environment)\.js|dist\/system\/(did-you-mean|durable-file-sync|flushed|node-http|version)\.js)$/;
  assert.deepEqual(
    files.filter((path) => !allowed.test(path)),
    [],
  );
  assert.ok(files.includes('dist/cli/main.js'));
});

const paas = (...args: readonly string[]) =>
  runFile(process.execPath, [join(folder, 'package/src/cli/paas.cjs'), ...args], {
    env: { PATH: environment().PATH, HOME: folder, NO_COLOR: '1' },
  }).then(
    ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
    ({ code, stdout, stderr }) => ({ code, stdout, stderr }),
  );

test('the unpacked command runs, help and errors alike', async () => {
  assert.match((await paas('version')).stdout, /^paas\/\d+\.\d+\.\d+ /);
  assert.match((await paas('help', 'config:set')).stdout, /^Usage: paas config:set /);
  const { code, stderr } = await paas('apps', '--api', 'http://127.0.0.1:1');
  assert.equal(code, 1);
  assert.match(stderr, /Not logged in to http:\/\/127\.0\.0\.1:1\./);
});

test('a slow reader of a pipe gets all of the output', async () => {
  await using answers = await LargeAnswers.start();
  const program = join(folder, 'package/src/cli/paas.cjs');
  for (const line of ['paas logs -n 10000', 'paas config --json', '{ paas info 2>&1 >/dev/null || test $? = 2; }']) {
    const { code, stdout } = await answers.bash(program, `set -o pipefail; ${line} | { sleep 0.2; wc -c; }`, {
      HOME: folder,
    });
    assert.ok(Number(stdout) > LargeAnswers.length, `${line}: ${stdout}`);
    assert.equal(code, 0, line);
  }
});

test("a command that works only in the platform's checkout says so", async () => {
  const { code, stderr } = await paas('platform:stop');
  assert.equal(code, 1);
  assert.match(stderr, /paas platform:stop works only in the platform's checkout\./);
});
