import assert from 'node:assert/strict';
import { mkdir, symlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { BuilderFixture } from '../support/builder-fixture.ts';
import { GitSource, type SourceFiles } from '../support/git-source.ts';
import { askSite, at } from '../support/static-site.ts';

let fixture: BuilderFixture;
before(async () => {
  fixture = await BuilderFixture.open();
});
after(() => fixture[Symbol.asyncDispose]());

/** Links by path. */
type Links = Readonly<Record<string, string>>;

async function commit(source: GitSource, files: SourceFiles, links: Links) {
  await source.commit(files);
  for (const [path, target] of Object.entries(links)) {
    await mkdir(dirname(join(source.dir, path)), { recursive: true });
    await symlink(target, join(source.dir, path));
  }
  return await source.commit({});
}

async function build(files: SourceFiles, links: Links) {
  await using source = await GitSource.create();
  return await fixture.build(await fixture.newApp(), await commit(source, files, links));
}

test('Dockerfile, .dockerignore and Procfile may be links inside the source, over any number of steps', async () => {
  const { artifact } = await build(
    {
      'docker/Dockerfile': 'FROM paas/run\nCOPY . /srv\nCMD ["false"]\n',
      'docker/ignore': 'secret*\n',
      'docker/procs': 'web: echo linked\n',
      'secret.txt': 'x',
      'open.txt': 'x',
    },
    {
      Dockerfile: './docker/Dockerfile',
      '.dockerignore': 'conf/../conf/ignore',
      Procfile: 'one/two',
      'one/two': '../conf/procs',
      conf: 'docker/',
    },
  );
  assert.deepEqual(
    artifact.processes.map(({ command }) => command),
    ['echo linked'],
  );
  const { stdout } = await fixture.run(artifact.imageId, ['ls', '-A', '/srv'], { user: artifact.user });
  assert.doesNotMatch(stdout, /secret/);
  assert.match(stdout, /open\.txt/);
});

test('files that a buildpack reads may be links, and a change behind a link is seen', async () => {
  await using source = await GitSource.create();
  const app = await fixture.newApp();
  const tree = await commit(
    source,
    { 'site/static.json': '{ "root": "v1" }', 'v1/index.html': 'one', 'v2/index.html': 'two' },
    { 'static.json': 'site/static.json' },
  );
  assert.match((await fixture.build(app, tree)).output.text, /Serving the folder v1 as static\.json says/);
  const second = await fixture.build(app, await source.commit({ 'site/static.json': '{ "root": "v2" }' }));
  assert.match(second.output.text, /Serving the folder v2 as static\.json says/);
});

test('a site in a linked folder is found', async () => {
  const { output } = await build({ 'dist/index.html': 'hello' }, { public: 'dist' });
  assert.match(output.text, /Serving the folder public/);
});

test('a site serves links inside the source, and never links out of it', async () => {
  await using source = await GitSource.create();
  const app = await fixture.newApp();
  const files = { 'public/index.html': 'home', 'public/docs/index.html': 'docs', 'notes/in.txt': 'in' };
  const served = {
    'public/in.txt': '../notes/in.txt',
    'public/whole.txt': '/app/notes/in.txt',
    'public/folder': 'docs',
    'public/far': '../notes',
  };
  const out = {
    'public/passwd.txt': '/etc/passwd',
    'public/up.txt': '../../etc/passwd',
    'public/etc': '/etc',
    'public/page.html': 'etc/passwd',
    'public/proc': '/proc/self/root',
    'notes/hidden': '/etc/passwd',
    'public/round': 'round',
  };
  const first = await fixture.build(app, await commit(source, files, { ...served, 'public/later': '/tmp' }));
  assert.match(first.output.text, /Links that lead out of the source are not served: public\/later\n/);
  const { artifact, output } = await fixture.build(app, await commit(source, {}, out));
  assert.match(output.text, /Only the app's own files changed/);
  const answersTo = async (...paths: readonly string[]) =>
    (await askSite(fixture, artifact, paths.map(at))).map(({ status, body }) =>
      status === 200 ? body.trim() : status,
    );
  assert.deepEqual(await answersTo('/', '/in.txt', '/whole.txt', '/folder/', '/far/in.txt'), [
    'home',
    'in',
    'in',
    'docs',
    'in',
  ]);
  const leaks = ['passwd.txt', 'up.txt', 'etc/passwd', 'page.html', 'later/', 'proc/etc/passwd', 'far/hidden', 'round'];
  assert.deepEqual(
    await answersTo(...leaks.map((path) => `/${path}`)),
    leaks.map(() => 404),
  );
});

test('a root of static.json that is a link out of the source is refused', async () => {
  for (const [root, links] of [
    ['site', { site: '/' }],
    ['up/etc', { up: '../..' }],
  ] as const) {
    await assert.rejects(build({ 'static.json': JSON.stringify({ root }) }, links), {
      code: 'build_failed',
      message: `Failed to compile Static site app: The root "${root}" is a link that leads out of the source.`,
    });
  }
});

describe('a link that leads to no file of the source is refused by name:', () => {
  const node = { 'package.json': '{}', 'server.js': '' };
  for (const [path, target, why, files, links] of [
    ['Procfile', '/etc/passwd', 'which is outside of the source', node, {}],
    ['Procfile', '../../etc/passwd', 'which is outside of the source', node, {}],
    ['Procfile', 'gone', 'which is not in the source', node, {}],
    ['Procfile', 'Procfile', 'which leads round in a circle', node, {}],
    ['Procfile', '.git/config', 'which is in .git and not in the source', node, {}],
    ['Procfile', 'folder', 'which is a folder', { ...node, 'folder/x': 'x' }, {}],
    ['Procfile', 'server.js/x', 'which is not in the source', node, {}],
    ['Procfile', 'a → /etc/passwd', 'which is outside of the source', node, { a: '/etc/passwd' }],
    ['Dockerfile', '/etc/passwd', 'which is outside of the source', node, {}],
    ['.dockerignore', '/dev/null', 'which is outside of the source', { Dockerfile: 'FROM paas/run\n' }, {}],
    ['package.json', '../package.json', 'which is outside of the source', { 'server.js': '' }, {}],
    ['package-lock.json', '/etc/passwd', 'which is outside of the source', node, {}],
    ['.npmrc', '/app/.npmrc', 'which is outside of the source', node, {}],
    ['.nvmrc', 'gone', 'which is not in the source', node, {}],
    ['.node-version', 'gone', 'which is not in the source', node, {}],
    ['static.json', '/etc/passwd', 'which is outside of the source', { 'index.html': '' }, {}],
    ['Staticfile', 'gone', 'which is not in the source', { 'index.html': '' }, {}],
  ] as const) {
    test(`${path} to ${target}`, async () => {
      const [first = ''] = target.split(' → ');
      await assert.rejects(build(files, { ...links, [path]: first }), {
        code: 'invalid_params',
        message: `${path} is a link to ${target}, ${why}.`,
        hint: /Commit the file itself/,
      });
    });
  }

  test('into a submodule', async () => {
    await using source = await GitSource.create();
    await commit(source, node, {});
    const id = (await source.git('rev-parse', 'HEAD')).trim();
    await symlink('lib/Procfile', join(source.dir, 'Procfile'));
    await source.git('add', 'Procfile');
    await source.git('update-index', '--add', '--cacheinfo', `160000,${id},lib`);
    await source.git('commit', '--quiet', '-m', 'link');
    await assert.rejects(fixture.build(await fixture.newApp(), await source.head()), {
      message: 'Procfile is a link to lib/Procfile, which is in the submodule lib, whose files are not fetched.',
    });
  });

  test('and in UTF-16, static.json and .dockerignore are refused with the encoding', async () => {
    const wide = Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from('{}\n', 'utf16le')]);
    for (const [path, files] of [
      ['static.json', { 'index.html': '' }],
      ['.dockerignore', { Dockerfile: 'FROM paas/run\n' }],
      ['Dockerfile', {}],
    ] as const) {
      const message = `${path} is UTF-16 text; save it as UTF-8.`;
      await assert.rejects(build({ ...files, [path]: wide }, {}), { code: 'invalid_params', message });
    }
  });
});

test('a file that nothing reads may be any link', async () => {
  const { artifact } = await build(
    { Procfile: 'web: true\n' },
    { 'package-lock.json': '/etc/passwd', '.dockerignore': 'gone', notes: '../up' },
  );
  const { stdout } = await fixture.run(artifact.imageId, ['readlink', '/app/.dockerignore', '/app/notes']);
  assert.equal(stdout, 'gone\n../up\n');
});
