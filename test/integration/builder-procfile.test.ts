import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { BuilderFixture } from '../support/builder-fixture.ts';
import { GitSource, type SourceFiles } from '../support/git-source.ts';

let fixture: BuilderFixture;
before(async () => {
  fixture = await BuilderFixture.open();
});
after(() => fixture[Symbol.asyncDispose]());

async function build(files: SourceFiles) {
  await using source = await GitSource.create();
  const app = await fixture.newApp();
  return { app, ...(await fixture.build(app, await source.commit(files))) };
}

const executable = (text: string) => ({ text, mode: 0o755 });

/** The first bytes of a program, enough to find its architecture. */
function elf(machine: number): Buffer {
  const header = Buffer.alloc(64);
  header.write('\x7fELF', 'latin1');
  header.set([2, 1, 1], 4);
  header.writeUInt16LE(2, 16);
  header.writeUInt16LE(machine, 18);
  header.writeUInt32LE(1, 20);
  return header;
}

test('a Procfile can start any program of the source or of the stack', async () => {
  const { app, artifact, output } = await build({
    Procfile:
      'web: python3 -c "import sys; print(1 + 1, sys.stdout.write_through)"\nworker: ./bin/work --fast\nscript: perl tool.pl\n',
    'bin/work': executable(
      '#!/bin/sh\necho works $1 in $PWD as $(whoami) $(id -u) with $(stat -c %U:%G /app /app/tool.pl | uniq)\n',
    ),
    'tool.pl': 'print "perl\\n";',
  });
  assert.match(output.text, /Using buildpack: paas\/procfile/);
  assert.match(output.text, /Procfile declares types -> web, worker, script/);
  const says = async (type: string) => (await fixture.run(artifact.imageId, [artifact.launcher ?? '', type])).stdout;
  assert.equal(await says('web'), '2 True\n', 'what it prints is in the log at once');
  assert.equal(await says('worker'), `works --fast in /app as app ${app.uid} with app:app\n`);
  assert.equal(await says('script'), 'perl\n');
});

test('an app may write to its own folder, and its files keep their modes and links', async () => {
  await using source = await GitSource.create();
  await source.commit({
    Procfile: 'web: ./run',
    run: executable('#!/bin/sh\ntouch new && mkdir -p tmp/x && readlink link && cat link'),
    'a/b.txt': 'linked\n',
  });
  const { symlink } = await import('node:fs/promises');
  await symlink('a/b.txt', `${source.dir}/link`);
  const { artifact } = await fixture.build(await fixture.newApp(), await source.commit({}));
  const { stdout, exitCode, stderr } = await fixture.run(artifact.imageId, [artifact.launcher ?? '', 'web']);
  assert.deepEqual([exitCode, stdout, stderr], [0, 'a/b.txt\nlinked\n', '']);
});

test('a changed script needs no build, and a changed program is checked again', async () => {
  await using source = await GitSource.create();
  const app = await fixture.newApp();
  const first = { Procfile: 'web: ./run', run: executable('#!/bin/sh\n. ./part.sh'), 'part.sh': 'echo one' };
  await fixture.build(app, await source.commit(first));
  const second = await fixture.build(app, await source.commit({ 'part.sh': 'echo two' }));
  assert.match(second.output.text, /Only the app's own files changed/);
  const { stdout } = await fixture.run(second.artifact.imageId, [second.artifact.launcher ?? '', 'web']);
  assert.equal(stdout, 'two\n');
  const third = await fixture.build(app, await source.commit({ run: executable('#!/bin/sh\necho three') }));
  assert.match(third.output.text, /Looking at what the Procfile starts/);
});

describe('a process that could not start is refused at the push, with the fix', () => {
  for (const [what, files, message, hint] of [
    [
      'a script without its executable bit',
      { Procfile: 'web: ./run', run: '#!/bin/sh\n' },
      /web would start .\/run, which is not executable/,
      /git update-index --chmod=\+x/,
    ],
    [
      'a program that is not in the source',
      { Procfile: 'web: ./bin/server' },
      /bin\/server, which is not in the source/,
      /gitignore/,
    ],
    [
      'a program for another processor',
      { Procfile: 'web: ./server', server: { text: elf(0xb7), mode: 0o755 } },
      /for another processor \(ARM aarch64/,
      /x86-64/,
    ],
    [
      'a program without its path',
      { Procfile: 'web: server', server: executable('#!/bin/sh\n') },
      /only with its path/,
      /\.\/server/,
    ],
  ] as const) {
    test(what, async () => {
      await assert.rejects(build(files), { code: 'build_failed', message, hint });
    });
  }
});

test('.profile.d and .profile are read in order, after the config vars', async () => {
  const { artifact } = await build({
    Procfile: 'web: echo "$A $B"\n',
    '.profile.d/2.sh': 'B=$A-two; export B',
    '.profile.d/1.sh': 'export A=${A:-unset}-one',
    '.profile': 'export B=$B-last',
  });
  const { stdout } = await fixture.run(artifact.imageId, [artifact.launcher ?? '', 'web'], { env: { A: 'config' } });
  assert.equal(stdout, 'config-one config-one-two-last\n');
});

test('an unknown process type is an error that lists the known ones', async () => {
  const { artifact } = await build({ Procfile: 'web: true\nworker: true\n' });
  const { exitCode, stderr } = await fixture.run(artifact.imageId, [artifact.launcher ?? '', 'clock']);
  assert.equal(exitCode, 127);
  assert.equal(stderr, 'There is no process type clock in this image. It has: web worker\n');
  const command = await fixture.run(artifact.imageId, [artifact.launcher ?? '', '--', 'echo', "it's", '$HOME', 'a b']);
  assert.equal(command.stdout, "it's $HOME a b\n");
});
