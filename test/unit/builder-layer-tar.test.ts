import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { after, before, test } from 'node:test';
import { extract, type Header, pack } from 'tar-stream';
import { splitLayers } from '../../src/builder/cnb/split-layers.ts';
import { contentTime, type LayerEntry, LayerWriter, root } from '../../src/builder/layer-tar.ts';

let directory = '';
before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'paas-layer-'));
});
after(() => rm(directory, { recursive: true, force: true }));

let number = 0;
const owner = { uid: 1_000_000, gid: 1_000_000 };

function newWriter(paths: readonly string[], maxBytes = 1_000_000): LayerWriter {
  return new LayerWriter(join(directory, `layer-${number++}.tar`), { paths, owner, maxBytes });
}

function file(path: string, text: string, mode = 0o644): readonly [LayerEntry, Buffer] {
  const content = Buffer.from(text);
  return [{ path, type: 'file', mode, sizeBytes: content.length, linkTarget: null }, content];
}

async function headersOf(path: string): Promise<readonly Header[]> {
  const headers: Header[] = [];
  for await (const entry of Readable.from([await readFile(path)]).pipe(extract())) {
    headers.push(entry.header);
    entry.resume();
  }
  return headers;
}

test('equal files make equal layers, for any owner and time', async () => {
  const digests = await Promise.all(
    [1, 2].map(async () => {
      const writer = newWriter(['app']);
      await writer.add(...file('app/a/b.txt', 'hello', 0o4755));
      return (await writer.finish()).diffId;
    }),
  );
  assert.equal(digests[0], digests[1]);
});

test('a layer has parent folders, one owner, one time and no set-uid bit', async () => {
  const writer = newWriter(['layers/x/node']);
  await writer.add(...file('layers/x/node/bin/node', 'elf', 0o6755));
  const headers = await headersOf((await writer.finish()).path);
  assert.deepEqual(
    headers.map(({ name, mode, uid }) => [name, mode.toString(8), uid]),
    [
      ['layers/', '755', 0],
      ['layers/x/', '755', 0],
      ['layers/x/node/', '755', 1_000_000],
      ['layers/x/node/bin/', '755', 1_000_000],
      ['layers/x/node/bin/node', '755', 1_000_000],
    ],
  );
  assert.ok(headers.every(({ mtime, uname, gname }) => +mtime === 315_532_801_000 && uname + gname === ''));
});

test('everybody can read and enter what root owns in a layer', async () => {
  const writer = new LayerWriter(join(directory, 'shared.tar'), {
    paths: ['shared'],
    owner: root,
    maxBytes: 1_000_000,
  });
  await writer.add(...file('shared/program', 'elf', 0o700));
  await writer.add(...file('shared/text', 'x', 0o600));
  const headers = await headersOf((await writer.finish()).path);
  assert.deepEqual(
    headers.map(({ name, mode, uid }) => [name, mode.toString(8), uid]),
    [
      ['shared/', '755', 0],
      ['shared/program', '755', 0],
      ['shared/text', '644', 0],
    ],
  );
});

test('a file outside of its layer, a path that climbs and a whiteout are refused', async () => {
  for (const path of ['etc/passwd', 'app-evil/x', 'app/../etc/x', 'app//x', 'app/.wh.node_modules', '/app/x']) {
    const writer = newWriter(['app']);
    await assert.rejects(writer.add(...file(path, 'x')), { code: 'build_failed' }, path);
    await writer.abandon();
  }
});

test('a layer over its limit is refused while it is read', async () => {
  const writer = newWriter(['app'], 10_000);
  const endless = async function* () {
    for (;;) yield Buffer.alloc(4096);
  };
  const entry = { path: 'app/x', type: 'file', mode: 0o644, sizeBytes: 1_000_000, linkTarget: null } as const;
  await assert.rejects(writer.add(entry, endless()), { code: 'too_large' });
  await writer.abandon();
});

test('a changed file of the app has another time, so that browsers load it again', () => {
  const [before, after] = [contentTime('a'.repeat(40)), contentTime('b'.repeat(40))];
  assert.notEqual(+before, +after);
  for (const time of [before, after]) assert.ok(time < new Date() && time > new Date('2000-01-01'));
});

async function poured(entries: readonly (readonly [Partial<Header> & { name: string }, string?])[], trees = ['app']) {
  const tar = pack();
  for (const [header, text = ''] of entries) tar.entry(header, text);
  tar.finalize();
  const into = await mkdtemp(join(directory, 'poured-'));
  return await splitLayers(tar as unknown as AsyncIterable<Buffer>, {
    trees: trees.map((path) => ({ path, without: trees.filter((other) => other.startsWith(`${path}/`)) })),
    owner,
    directory: into,
    maxBytes: 1_000_000,
  });
}

test('the output of a build is split into its layers, and a missing one is empty', async () => {
  const layers = await poured(
    [
      [{ name: 'layers/a/one/x' }, '1'],
      [{ name: 'app/node_modules/y' }, '2'],
      [{ name: 'app/', type: 'directory' }],
      [{ name: 'app/z' }, '3'],
    ],
    ['layers/a/none', 'layers/a/one', 'app/node_modules', 'app'],
  );
  const names = await Promise.all(
    layers.map(async ({ path }) => (await headersOf(path)).map(({ name }) => name).at(-1)),
  );
  assert.deepEqual(names, [undefined, 'layers/a/one/x', 'app/node_modules/y', 'app/z']);
});

test('a build cannot put special files, or files outside its layers, into an image', async () => {
  for (const entry of [
    { name: 'etc/cron.d/x' },
    { name: 'app/../../etc/x' },
    { name: 'app/device', type: 'character-device' as const, devmajor: 1, devminor: 3 },
    { name: 'app/hard', type: 'link' as const, linkname: 'etc/shadow' },
    { name: 'layers/other/x' },
  ]) {
    await assert.rejects(poured([[{ name: 'app/a' }, 'a'], [entry]]), { code: 'build_failed' }, JSON.stringify(entry));
  }
});

test('output that is not a tar ends the build with a reason', async () => {
  const into = await mkdtemp(join(directory, 'noise-'));
  const noise = (async function* () {
    yield Buffer.alloc(4096, 'x');
  })();
  await assert.rejects(
    splitLayers(noise, { trees: [{ path: 'app', without: [] }], owner, directory: into, maxBytes: 1000 }),
    {
      code: 'build_failed',
    },
  );
});
