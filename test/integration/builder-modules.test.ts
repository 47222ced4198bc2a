import assert from 'node:assert/strict';
import { buffer } from 'node:stream/consumers';
import { after, before, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { pack } from 'tar-stream';
import type { App } from '../../src/domain/app.ts';
import type { Artifact } from '../../src/domain/build.ts';
import type { SourceTree } from '../../src/domain/push.ts';
import { BuilderFixture } from '../support/builder-fixture.ts';
import { GitSource, type SourceFiles } from '../support/git-source.ts';

let fixture: BuilderFixture;
before(async () => {
  fixture = await BuilderFixture.open();
});
after(() => fixture[Symbol.asyncDispose]());

const engines = { node: '24.x' };

/** `package.json` and `package-lock.json` of an app, the latter of version 3. */
function npmApp(root: object, packages: object): SourceFiles {
  const own = { name: 'sample', version: '1.0.0', ...root };
  const lock = { name: 'sample', version: '1.0.0', lockfileVersion: 3, packages: { '': own, ...packages } };
  return {
    'package.json': JSON.stringify({ ...own, engines }),
    'package-lock.json': JSON.stringify(lock, null, 2),
    'index.js': '',
  };
}

const registered = (name: string, version: string, more: object = {}) => ({
  [`node_modules/${name}`]: { version, ...more },
});

async function tarball(files: Readonly<Record<string, string>>): Promise<Buffer> {
  const tar = pack();
  for (const [name, content] of Object.entries(files)) tar.entry({ name: `package/${name}` }, content);
  tar.finalize();
  return gzipSync(await buffer(tar as unknown as AsyncIterable<Buffer>));
}

async function output(artifact: Artifact, ...command: string[]): Promise<string> {
  const { stdout, stderr } = await fixture.run(artifact.imageId, [artifact.launcher ?? '', '--', ...command]);
  return stdout + stderr;
}

/** Every file of the app: path, type, mode, link target and content. */
async function contents(artifact: Artifact): Promise<readonly string[]> {
  const list = "find . -printf '%p %y %m %l\\n' | sort; find . -type f -print0 | sort -z | xargs -0 sha256sum";
  return (await output(artifact, 'bash', '-c', list)).split('\n');
}

async function equalsCleanBuild(artifact: Artifact, tree: SourceTree, config = {}): Promise<void> {
  const clean = await fixture.build(await fixture.newApp(), tree, { config });
  assert.deepEqual(await contents(artifact), await contents(clean.artifact));
}

async function builds(app: App, source: GitSource, files: SourceFiles, config = {}) {
  const tree = await source.commit(files);
  return { ...(await fixture.build(app, tree, { config })), tree };
}

test('the scripts of a file: package run again when its sources change, and the lock file does not', async () => {
  await using source = await GitSource.create();
  const app = await fixture.newApp();
  const dependencies = { own: 'file:own' };
  await builds(app, source, {
    ...npmApp(
      { dependencies, scripts: { build: 'node build.js', postinstall: 'echo root >> own/dist/made.js' } },
      { own: { version: '1.0.0' }, 'node_modules/own': { resolved: 'own', link: true } },
    ),
    'build.js': 'require("fs").appendFileSync("own/dist/made.js", "// built\\n")',
    'own/package.json': JSON.stringify({
      name: 'own',
      version: '1.0.0',
      scripts: {
        prepare: 'mkdir -p dist; [ ! -e dist/made.js ] && cp text dist/made.js',
        postinstall: 'cp text ../seen',
      },
    }),
    'own/text': '// one\n',
  });
  const second = await builds(app, source, { 'own/text': '// two\n' });
  assert.match(second.output.text, /Installing again: postinstall of your package.json/);
  assert.equal(await output(second.artifact, 'cat', 'own/dist/made.js', 'seen'), '// two\nroot\n// built\n// two\n');
  await equalsCleanBuild(second.artifact, second.tree);
});

test('an install script of a dependency runs again when it may read a file that has changed', async () => {
  await using source = await GitSource.create();
  const app = await fixture.newApp();
  const generator = await tarball({
    'package.json': JSON.stringify({
      name: 'generator',
      version: '1.0.0',
      scripts: { postinstall: 'cp "$INIT_CWD/schema" generated; echo "$COLOUR" >> generated' },
    }),
  });
  const dependencies = { generator: 'file:generator.tgz' };
  const files = {
    ...npmApp(
      { dependencies },
      { 'node_modules/generator': { version: '1.0.0', resolved: 'file:generator.tgz', hasInstallScript: true } },
    ),
    'generator.tgz': generator,
    schema: 'one\n',
  };
  await builds(app, source, files, { COLOUR: 'red' });
  const second = await builds(app, source, { schema: 'two\n' }, { COLOUR: 'blue' });
  const generated = ['cat', 'node_modules/generator/generated'];
  assert.equal(await output(second.artifact, ...generated), 'two\nblue\n');
  const third = await builds(app, source, { schema: 'three\n' }, { COLOUR: 'blue' });
  assert.match(third.output.text, /Installing again: postinstall of generator/);
  assert.equal(await output(third.artifact, ...generated), 'three\nblue\n');
});

test('node_modules is reused without install scripts, without what a build wrote into it', async () => {
  await using source = await GitSource.create();
  const app = await fixture.newApp();
  const write = 'const fs = require("fs"); const file = "node_modules/ms/written"; ';
  const scripts = { build: 'node build.js' };
  const dependencies = { ms: '2.1.3' };
  const lock = { ...registered('ms', '2.1.3') };
  await builds(app, source, {
    ...npmApp({ dependencies, scripts }, lock),
    'build.js': `${write} fs.writeFileSync(file, ""); fs.chmodSync("node_modules/ms/index.js", 0o600);`,
  });
  const second = await builds(app, source, { 'build.js': `${write} console.log("written:", fs.existsSync(file))` });
  assert.match(second.output.text, /Using node_modules from the cache.*written: false/s);
  await equalsCleanBuild(second.artifact, second.tree);

  const npmrc = await builds(app, source, { '.npmrc': 'legacy-peer-deps=true\n' }, { NODE_MODULES_CACHE: 'true' });
  assert.match(npmrc.output.text, /Installing again: .npmrc has changed/);
  const none = await builds(app, source, { text: '2' }, { NODE_MODULES_CACHE: 'false' });
  assert.match(none.output.text, /Building without the cache, because NODE_MODULES_CACHE is false/);
  assert.doesNotMatch(none.output.text, /from the cache/);
});

test("a workspace's prepare gets the dev dependencies, and the image holds the production tree", async () => {
  await using source = await GitSource.create();
  const workspace = {
    name: 'ui',
    version: '1.0.0',
    dependencies: { ms: '2.0.0' },
    devDependencies: { 'is-number': '6.0.0', semver: '7.6.3' },
  };
  const root = { workspaces: ['ui'], dependencies: { ms: '2.1.3' }, devDependencies: { 'is-number': '7.0.0' } };
  const { artifact, output: log } = await fixture.build(
    await fixture.newApp(),
    await source.commit({
      ...npmApp(root, {
        ui: workspace,
        'node_modules/ui': { resolved: 'ui', link: true },
        ...registered('ms', '2.1.3'),
        ...registered('is-number', '7.0.0', { dev: true }),
        ...registered('semver', '7.6.3', { dev: true, bin: { semver: 'bin/semver.js' } }),
        'ui/node_modules/ms': { version: '2.0.0' },
        'ui/node_modules/is-number': { version: '6.0.0', dev: true },
      }),
      'ui/package.json': JSON.stringify({
        ...workspace,
        scripts: { prepare: 'node prepare.js && semver 1.2.3 >> made' },
      }),
      'ui/prepare.js': `require('fs').writeFileSync('made', require('is-number/package.json').version + '\\n')`,
    }),
  );
  assert.match(log.text, /npm ci --include=dev.*Removing dev dependencies/s);
  assert.equal(await output(artifact, 'cat', 'ui/made'), '6.0.0\n1.2.3\n');
  const modules = ['bash', '-c', 'shopt -s nullglob; echo node_modules/* node_modules/.bin/* ui/node_modules/*'];
  assert.equal(await output(artifact, ...modules), 'node_modules/ms node_modules/ui ui/node_modules/ms\n');
});

test('a native module of a lock file of version 1 gets the headers, and no image holds them', async () => {
  await using source = await GitSource.create();
  const lock = { name: 'sample', version: '1.0.0', lockfileVersion: 1, requires: true };
  const { artifact, output: log } = await fixture.build(
    await fixture.newApp(),
    await source.commit({
      'package.json': JSON.stringify({
        name: 'sample',
        version: '1.0.0',
        engines: { node: '22.x' },
        dependencies: { hello: 'file:hello' },
      }),
      'package-lock.json': JSON.stringify({ ...lock, dependencies: { hello: { version: 'file:hello' } } }),
      'hello/package.json': JSON.stringify({
        name: 'hello',
        version: '1.0.0',
        main: 'build/Release/hello.node',
        scripts: { install: 'node-gyp rebuild' },
      }),
      'hello/binding.gyp': '{ "targets": [{ "target_name": "hello", "sources": ["hello.c"] }] }',
      'hello/hello.c': `#include <node_api.h>
        #include <openssl/opensslconf.h>
        static napi_value init(napi_env env, napi_value exports) { napi_value v; napi_create_int32(env, 42, &v); return v; }
        NAPI_MODULE(NODE_GYP_MODULE_NAME, init)`,
      'index.js': 'console.log(require("hello"), process.version)',
    }),
  );
  assert.match(await output(artifact, 'node', 'index.js'), /^42 v22\./);
  assert.doesNotMatch(log.text, /nodedir/);
  assert.equal(await output(artifact, 'find', '/layers', '/runtimes', '-name', 'node_api.h'), '');
});
