import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { after, before, test } from 'node:test';
import { nameOf } from '../../src/domain/file-name.ts';
import { BuilderFixture } from '../support/builder-fixture.ts';
import { GitSource, type SourceFiles } from '../support/git-source.ts';

let fixture: BuilderFixture;
before(async () => {
  fixture = await BuilderFixture.open();
});
after(() => fixture[Symbol.asyncDispose]());

const latin = (name: string) => nameOf(Buffer.from(name, 'latin1'));

/** Names that some program on the way could change, drop or take for something else. */
const odd: SourceFiles = Object.fromEntries(
  [
    latin('caf\xe9.txt'),
    latin('caf\xe8.txt'),
    latin('\xff\xfe'),
    latin(`${'d\xe9'.repeat(60)}/${'long\xe9'.repeat(45)}`),
    `${'plain/'.repeat(40)}deep`,
    'n'.repeat(255),
    'ü/é (NFC)',
    'u\u0308/e\u0301 (NFD)',
    'Case',
    'case',
    'a\nnew line',
    'a\ttab',
    '-rf',
    'back\\slash',
    'end ',
    ' start',
    '$(echo no)',
    '*',
    '日本語.pdf',
  ].map((name) => [name, `in ${Buffer.byteLength(name)}`]),
);

const listing = `find . -path ./.git -prune -o \\( -type l -printf '%p > %l\\0' -o -type f -printf '%p %s\\0' -o -printf '%p\\0' \\) | LC_ALL=C sort -z | sha256sum`;

/** Adds two links whose names and targets are bytes. */
function link(source: GitSource): void {
  for (const [name, target] of [
    ['link\xe9', 'caf\xe9.txt'],
    ['far', `${'d\xe9'.repeat(60)}/${'long\xe9'.repeat(45)}`],
  ] as const) {
    const script = 'ln -s -- "$(printf "$1")" "$(printf "$2")"';
    const escaped = [target, name].map((text) =>
      text.replace(/[\x80-\xff]/g, (byte) => `\\${byte.charCodeAt(0).toString(8)}`),
    );
    execFileSync('bash', ['-c', script, 'bash', ...escaped], { cwd: source.dir });
  }
}

const listed = (source: GitSource) => execFileSync('bash', ['-c', listing], { cwd: source.dir }).toString();

async function inImage(imageId: string, folder: string, user?: string): Promise<string> {
  return (await fixture.run(imageId, ['bash', '-c', `cd ${folder} && ${listing}`], user === undefined ? {} : { user }))
    .stdout;
}

for (const [what, files, change] of [
  ['a Procfile', { Procfile: 'web: ./run', run: { text: '#!/bin/sh\n', mode: 0o755 } }, { new: 'one more' }],
  ['a static site', { 'index.html': 'hello' }, { new: 'one more' }],
] as const) {
  test(`files of ${what} keep the bytes of their names, in the first build and in the next ones`, async () => {
    await using source = await GitSource.create();
    const app = await fixture.newApp();
    await source.commit({ ...files, ...odd });
    link(source);
    const first = await fixture.build(app, await source.commit({}));
    assert.equal(await inImage(first.artifact.imageId, '/app'), listed(source));
    const second = await fixture.build(app, await source.commit(change));
    assert.match(second.output.text, /Only the app's own files changed/);
    assert.equal(await inImage(second.artifact.imageId, '/app'), listed(source));
  });
}

test('a build that changes the sources keeps the bytes of all names', async () => {
  await using source = await GitSource.create();
  const app = await fixture.newApp();
  const build = 'mkdir "$(printf "made\\\\351")" && cp caf* "$(printf "made\\\\351")" && echo x > x';
  const manifest = { scripts: { build, start: 'true' } };
  await source.commit({ 'package.json': JSON.stringify(manifest), ...odd });
  link(source);
  const { artifact } = await fixture.build(app, await source.commit({}));
  execFileSync('bash', ['-c', build], { cwd: source.dir });
  assert.equal(await inImage(artifact.imageId, '/app'), listed(source));
});

test("a Dockerfile's COPY keeps the bytes of all names", async () => {
  await using source = await GitSource.create();
  const dockerfile = 'FROM paas/run\nUSER root\nCOPY . /srv\nCOPY caf?.txt /alone/\nCMD ["true"]\n';
  await source.commit({ Dockerfile: dockerfile, ...odd });
  link(source);
  const { artifact } = await fixture.build(await fixture.newApp(), await source.commit({}));
  assert.equal(await inImage(artifact.imageId, '/srv', artifact.user), listed(source));
  assert.equal((await fixture.run(artifact.imageId, ['bash', '-c', 'ls /alone | wc -l'])).stdout, '2\n');
});
