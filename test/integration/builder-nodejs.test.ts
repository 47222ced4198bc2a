import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { Artifact } from '../../src/domain/build.ts';
import type { PlatformError } from '../../src/domain/errors.ts';
import { type Answer, BuilderFixture } from '../support/builder-fixture.ts';
import { scaled } from '../support/deadline.ts';
import { eventually } from '../support/eventually.ts';
import { GitSource, type SourceFiles } from '../support/git-source.ts';
import { RecordedOutput } from '../support/recorded-output.ts';

const express = resolve(import.meta.dirname, '../apps/express');

let fixture: BuilderFixture;
let expressFiles: SourceFiles;
before(async () => {
  fixture = await BuilderFixture.open();
  const names = ['package.json', 'package-lock.json', 'server.js'];
  expressFiles = Object.fromEntries(
    await Promise.all(names.map(async (name) => [name, await readFile(join(express, name), 'utf8')])),
  );
});
after(() => fixture[Symbol.asyncDispose]());

function packageJson(content: object): SourceFiles {
  return { 'package.json': JSON.stringify({ name: 'sample', version: '2.1.0', ...content }) };
}

/** A registry package with its entry in a lock file. */
const lockOf = (name: string, version: string, more: object = {}) => ({
  [`node_modules/${name}`]: { version, ...more },
});

function lock(root: object, packages: object): SourceFiles {
  const all = { '': { name: 'sample', version: '2.1.0', ...root }, ...packages };
  return {
    'package-lock.json': JSON.stringify({ name: 'sample', version: '2.1.0', lockfileVersion: 3, packages: all }),
  };
}

async function build(files: SourceFiles, config: Readonly<Record<string, string>> = {}) {
  await using source = await GitSource.create();
  return await fixture.build(await fixture.newApp(), await source.commit(files), { config });
}

/** What the pusher reads when the build fails: the output, and the error. */
async function failure(files: SourceFiles): Promise<{ readonly error: PlatformError; readonly text: string }> {
  await using source = await GitSource.create();
  const output = new RecordedOutput();
  const outcome = await fixture
    .build(await fixture.newApp(), await source.commit(files), { output })
    .catch((error) => error);
  assert.equal(outcome.code, 'build_failed', output.text);
  return { error: outcome, text: output.text };
}

function start(artifact: Artifact, ...args: string[]) {
  return fixture.run(artifact.imageId, [artifact.launcher ?? '', ...args]);
}

test('an Express app with a lock file is built, starts, and gets SIGTERM directly', async () => {
  await using source = await GitSource.create();
  const app = await fixture.newApp();
  const { artifact, output } = await fixture.build(app, await source.commit(expressFiles));
  assert.match(output.text, /-----> Using buildpack: paas\/nodejs\n(?: {7}.+\n)+-----> Node.js app detected/);
  assert.match(output.text, /-----> Resolved Node.js 24.x → 24\.\d+\.\d+ from engines in package.json/);
  assert.match(output.text, /-----> Installing dependencies with npm ci/);
  assert.match(output.text, / {7}Default types for Node.js -> web/);
  assert.deepEqual(artifact.processes, [{ type: 'web', command: 'node server.js', args: ['web'] }]);
  assert.equal(artifact.builderName, 'Node.js');
  assert.equal(artifact.user, `${app.uid}:${app.uid}`);

  const id = await fixture.start(artifact.imageId, [artifact.launcher ?? '', 'web'], { env: { PORT: '5000' } });
  const signal = AbortSignal.timeout(scaled(60_000));
  const { stdout } = await fixture.engine.containers.attach(id, signal);
  await fixture.engine.containers.start(id);
  let said = '';
  stdout.on('data', (chunk) => {
    said += chunk;
  });
  await eventually('the app listens', () => said.includes('listening on 5000'));
  await fixture.engine.containers.stop(id, 20_000);
  assert.equal((await fixture.engine.containers.wait(id, signal)).exitCode, 0, 'nobody killed it');
  assert.match(said, /SIGTERM: finishing/);

  const changed = await fixture.build(app, await source.commit({ 'views/index.txt': 'new' }));
  assert.match(changed.output.text, /Only the app's own files changed/);
});

test('a second app with the same Node.js version reuses the download', async () => {
  const before = await build({ ...packageJson({ engines: { node: '24.x' } }), 'server.js': '' });
  const { artifact, output } = await build({
    ...packageJson({ engines: { node: '24.x' } }),
    'index.js': 'console.log(process.version)',
  });
  assert.match(output.text, /Resolved Node.js 24.x/);
  assert.doesNotMatch(output.text, /Installed/);
  assert.match((await start(artifact, 'web')).stdout, /^v24\./);
  const [one, two] = await Promise.all(
    [before, { artifact }].map(
      async (result) => (await fixture.engine.images.inspect(result.artifact.imageId))?.diffIds,
    ),
  );
  // The stack, Node.js and npm.
  assert.deepEqual(one?.slice(0, 3), two?.slice(0, 3));
});

test('a build script gets the dev dependencies, and the image does not', async () => {
  await using source = await GitSource.create();
  const app = await fixture.newApp();
  const dependencies = { dependencies: { ms: '2.1.3' }, devDependencies: { 'is-number': '7.0.0' } };
  const tree = await source.commit({
    ...packageJson({
      ...dependencies,
      engines: { node: '24.x' },
      scripts: { build: 'node build.js', start: 'node dist/main.js', 'heroku-cleanup': 'rm left-over' },
    }),
    ...lock(dependencies, { ...lockOf('ms', '2.1.3'), ...lockOf('is-number', '7.0.0', { dev: true }) }),
    'build.js': `require('is-number'); const fs = require('fs');
      fs.mkdirSync('dist'); fs.writeFileSync('left-over', ''); fs.mkdirSync('.next/cache', { recursive: true });
      console.log('cached:', fs.readdirSync('.next/cache').length); fs.writeFileSync('.next/cache/compiled', '');
      fs.writeFileSync('dist/main.js', 'const e = process.env; console.log(require("ms")(1000), e.npm_package_version, e.NODE_ENV, e.npm_lifecycle_event)');`,
  });
  const { artifact, output } = await fixture.build(app, tree);
  assert.match(output.text, /cached: 0/);
  assert.deepEqual(artifact.processes[0]?.command, 'node dist/main.js');
  assert.equal((await start(artifact, '--', 'ls', '-A', '.next')).stdout, '');
  assert.equal((await start(artifact, 'web')).stdout, '1s 2.1.0 production start\n');
  assert.equal((await start(artifact, '--', 'ls', 'node_modules')).stdout, 'ms\n');
  assert.equal((await start(artifact, '--', 'ls')).stdout.includes('left-over'), false);

  const again = await fixture.build(app, await source.commit({ 'other.txt': '1' }));
  assert.match(again.output.text, /Using node_modules from the cache.*Running build.*cached: 1/s);
  assert.equal((await start(again.artifact, 'web')).stdout, '1s 2.1.0 production start\n');
});

/** Variables in which the environment of the default start differs from that of npm: see describe_npm_environment. */
const unlikeNpm = new Set(['npm_config_noproxy', 'PATH', 'SHLVL', '_', 'HOSTNAME']);

test('a start script gets the environment that npm gives it', async () => {
  const print =
    'for (const [name, value] of Object.entries(process.env)) process.stdout.write(name + "=" + value + "\\0")';
  const { artifact } = await build({
    ...packageJson({
      name: '@me/sample',
      engines: { node: '24.x', npm: '*' },
      bin: './bin/../cli.js',
      config: {
        port: 8080,
        part: 1.5,
        whole: 1.0,
        yes: true,
        no: false,
        nothing: null,
        empty: '',
        deep: { er: { est: 'x' } },
        list: ['a', { b: 'c' }],
        lines: 'a\nb\n',
        quotes: `it's "$HOME" \\ \`é\``,
        'with-dash': 'is lost in sh',
      },
      scripts: { start: 'node print.js "$HOME"  \'a\'' },
    }),
    'print.js': print,
  });
  const [ours, npm] = await Promise.all([start(artifact, 'web'), start(artifact, '--', 'npm', 'start', '--silent')]);
  const variables = ({ stdout }: Answer) =>
    Object.fromEntries(
      stdout
        .split('\0')
        .filter((pair) => pair !== '' && !unlikeNpm.has(pair.slice(0, pair.indexOf('='))))
        .map((pair): [string, string] => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)])
        // The test asks npm to print nothing itself.
        .filter(([name]) => name !== 'npm_config_loglevel')
        .sort(),
    );
  assert.deepEqual(variables(ours), variables(npm));
  assert.equal(variables(ours).npm_package_config_deep_er_est, 'x');
  assert.match(ours.stdout, /\0PATH=\/app\/node_modules\/\.bin:/);
});

test('server.js without a start script gets the environment that npm gives it', async () => {
  const { artifact } = await build({
    ...packageJson({ engines: { node: '24.x' }, config: { port: 1 } }),
    'server.js': 'const e = process.env; console.log(e.npm_package_config_port, e.npm_lifecycle_script)',
  });
  assert.equal((await start(artifact, 'web')).stdout, '1 node server.js\n');
});

test('a start script that needs npm is started by npm', async () => {
  const scripts = { start: 'echo started', prestart: 'echo before' };
  const { artifact } = await build({ ...packageJson({ scripts, engines: { node: '24.x' } }) });
  assert.equal(artifact.processes[0]?.command, 'npm start');
  assert.match((await start(artifact, 'web')).stdout, /before.*started/s);
});

test('a native module is compiled against the headers of its own Node.js', async () => {
  const { artifact } = await build({
    ...packageJson({ engines: { node: '22' }, main: 'main.js' }),
    'binding.gyp': '{ "targets": [{ "target_name": "hello", "sources": ["hello.c"] }] }',
    'hello.c': `#include <node_api.h>
      static napi_value init(napi_env env, napi_value exports) { napi_value v; napi_create_int32(env, 42, &v); return v; }
      NAPI_MODULE(NODE_GYP_MODULE_NAME, init)`,
    'main.js': 'console.log(require("./build/Release/hello.node"), process.version)',
  });
  assert.match((await start(artifact, 'web')).stdout, /^42 v22\./);
});

describe('versions are resolved', () => {
  for (const [name, files, config, expected] of [
    [
      'from a config var before all',
      { ...packageJson({ engines: { node: '24' } }), '.nvmrc': '22' },
      { NODE_VERSION: '20' },
      /Resolved Node.js 20 → 20\.\d+\.\d+ from the config var/,
    ],
    [
      'from .nvmrc before engines',
      { ...packageJson({ engines: { node: '24' } }), '.nvmrc': 'lts/jod\n' },
      {},
      /Resolved Node.js lts\/jod → 22\.\d+\.\d+ from .nvmrc/,
    ],
    [
      'from a .nvmrc with a byte order mark, a carriage return and a comment',
      { ...packageJson({}), '.nvmrc': '\ufeff  v22 # Windows\r\n' },
      {},
      /Resolved Node.js v22 → 22\.\d+\.\d+ from .nvmrc/,
    ],
    [
      'to the long-term line where a range is wide',
      packageJson({ engines: { node: '>=18' } }),
      {},
      /Resolved Node.js >=18 → 24\./,
    ],
    ['to the default with a word about it', packageJson({}), {}, /from the default\n {7}Say which Node.js you want/],
  ] as const) {
    test(name, async () => {
      const { output } = await build({ ...files, 'index.js': '' }, config);
      assert.match(output.text, expected);
    });
  }
});

describe('the pusher sees', () => {
  for (const [what, files, expected] of [
    [
      'of a version that is none',
      packageJson({ engines: { node: 'twenty' } }),
      /"twenty" \(from engines in package.json\) is not a version/,
    ],
    [
      'of a version that nobody published',
      packageJson({ engines: { node: '99.x' } }),
      /No published Node.js satisfies "99.x"/,
    ],
    [
      'of a version file in UTF-16',
      { ...packageJson({}), '.node-version': Buffer.from('\ufeff22\r\n', 'utf16le') },
      /\.node-version is in UTF-16\..*Save it as UTF-8/s,
    ],
    [
      'of a private registry that does not answer',
      {
        ...packageJson({ dependencies: { '@acme/ui': '1.0.0' } }),
        '.npmrc':
          '@acme:registry=https://npm.acme.invalid/\n//npm.acme.invalid/:_authToken=${NPM_TOKEN}\nfetch-retries=0\n',
      },
      /npm\.acme\.invalid did not answer.*@acme:registry in \.npmrc.*NPM_TOKEN is not set: paas config:set NPM_TOKEN/s,
    ],
    [
      'of two lock files',
      { ...packageJson({}), ...lock({}, {}), 'yarn.lock': '' },
      /Two package managers have a lock file here: package-lock.json yarn.lock/,
    ],
    [
      'of a package manager that is not spoken here',
      { ...packageJson({}), 'pnpm-lock.yaml': '' },
      /uses pnpm-lock.yaml, and this buildpack speaks npm/,
    ],
    [
      'of a start script whose program only the build has',
      packageJson({
        devDependencies: { 'is-number': '7.0.0' },
        scripts: { start: 'is-number', build: 'exit', 'heroku-cleanup': 'exit 3' },
      }),
      /The start script runs is-number, which is only there in the build/,
    ],
    [
      'of a build that made pages and not what main names, how to serve them',
      packageJson({ main: 'lib/app.js', scripts: { build: 'mkdir dist; echo hi > dist/index.html' } }),
      /The build made pages, in dist.*"start": "serve --single dist"/s,
    ],
    [
      'of a file that may be what to start',
      { ...packageJson({}), 'src/index.js': '' },
      /If src\/index.js starts it.*"start": "node src\/index.js"/s,
    ],
    ['of a package.json that is no JSON', { 'package.json': '{"a":}' }, /package.json is not valid JSON/],
    [
      'of a lock file that does not fit',
      { ...packageJson({ dependencies: { ms: '2.1.3' } }), ...lock({}, {}) },
      /package.json and package-lock.json do not belong together/,
    ],
    [
      'of a lock file that is no JSON',
      { ...packageJson({}), 'package-lock.json': '{"a":}' },
      /package-lock.json is not valid JSON \(line 1/,
    ],
    [
      'of a lock file without an object of packages',
      { ...packageJson({}), 'package-lock.json': '{"packages":[]}' },
      /package-lock.json lists its packages in a value of type array/,
    ],
    [
      'of engines of another type, of which npm reads nothing',
      packageJson({ engines: ['node >=18'], scripts: { build: 'exit 3' } }),
      /from the default.*engines in package.json must be an object, and is an array/s,
    ],
    [
      'of a script that failed, and what it runs',
      packageJson({ scripts: { build: 'echo oops; exit 3' } }),
      /oops.*The script build of package.json failed.*echo oops; exit 3/s,
    ],
  ] as const) {
    test(what, async () => {
      const { text } = await failure(files);
      assert.match(text, expected);
      assert.doesNotMatch(text, /npm error Usage/);
    });
  }
});
