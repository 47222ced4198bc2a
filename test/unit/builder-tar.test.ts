import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import fc from 'fast-check';
import { pack } from 'tar-stream';
import { tarEnd, tarHeader } from '../../src/builder/tar/header.ts';
import { paddingOf, readTar } from '../../src/builder/tar/read.ts';
import { nameBytes, nameOf } from '../../src/domain/file-name.ts';

const facts = {
  type: 'file',
  mode: 0o644,
  uid: 10_001,
  gid: 10_001,
  modifiedAt: new Date(1_000_000),
  linkTarget: null,
} as const;

async function* pieces(data: Buffer, length: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < data.length; at += length) yield data.subarray(at, at + length);
}

async function entriesOf(tar: Buffer, length = 700) {
  const entries: { name: string; type: string; linkTarget: string | null; content: string; head: Buffer }[] = [];
  for await (const { name, type, linkTarget, head, content } of readTar(pieces(tar, length))) {
    const parts: Buffer[] = [];
    for await (const part of content) parts.push(part);
    entries.push({ name, type, linkTarget, head, content: Buffer.concat(parts).toString() });
  }
  return entries;
}

function fileOf(name: string, content: string): Buffer {
  const sizeBytes = Buffer.byteLength(content);
  return Buffer.concat([
    tarHeader({ ...facts, name, sizeBytes }),
    Buffer.from(content),
    Buffer.alloc(paddingOf(sizeBytes)),
  ]);
}

const odd = fc
  .uint8Array({ minLength: 1, maxLength: 300 })
  .map((array) => nameOf(Buffer.from(array.map((byte) => (byte === 0 || byte === 47 ? 97 : byte)))));

test('names and links of any bytes are read as they were written, however the tar is split', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(odd, { maxLength: 4 }),
      odd,
      fc.integer({ min: 1, max: 2000 }),
      async (names, link, length) => {
        const tar = Buffer.concat([
          ...names.map((name, index) => fileOf(`app/${name}`, 'x'.repeat(index * 400))),
          tarHeader({ ...facts, name: 'app/link', type: 'symlink', sizeBytes: 0, linkTarget: link }),
          tarEnd,
          Buffer.alloc(5000),
        ]);
        const entries = await entriesOf(tar, length);
        assert.deepEqual(
          entries.map(({ name, linkTarget, content }) => [name, linkTarget, content.length]),
          [...names.map((name, index) => [`app/${name}`, null, index * 400]), ['app/link', link, 0]],
        );
      },
    ),
    { numRuns: 40 },
  );
});

test('the headers of names that are text are those that other programs write', async () => {
  const path = fc.array(fc.string({ minLength: 1, maxLength: 90, unit: 'grapheme-ascii' }), {
    minLength: 1,
    maxLength: 4,
  });
  await fc.assert(
    fc.asyncProperty(path, fc.constantFrom('', 'ü'), async (names, end) => {
      const name = `${names.map((one) => one.replaceAll('/', 'x')).join('/')}${end}`;
      const other = pack();
      other.entry(
        { name, mode: 0o644, uid: 10_001, gid: 10_001, mtime: facts.modifiedAt, uname: '', gname: '' },
        'hello',
      );
      other.finalize();
      const chunks: Buffer[] = [];
      for await (const chunk of other) chunks.push(chunk as Buffer);
      const ours = Buffer.concat([fileOf(name, 'hello'), tarEnd]);
      assert.equal(ours.toString('latin1'), Buffer.concat(chunks).toString('latin1'));
    }),
    { numRuns: 40 },
  );
});

test('GNU tar reads what is written, and what it writes is read', async () => {
  const names = [
    'caf\xe9.txt',
    `${'long\xff'.repeat(45)}/${'x'.repeat(200)}`,
    'a\nb',
    '-f',
    ' end ',
    'back\\slash',
  ].map((name) => nameOf(Buffer.from(name, 'latin1')));
  const tar = Buffer.concat([...names.map((name) => fileOf(name, name)), tarEnd]);
  const listed = execFileSync('tar', ['--list', '--quoting-style=literal'], {
    input: tar,
    env: { LC_ALL: 'C', PATH: '/usr/bin:/bin' },
  });
  assert.equal(nameOf(listed), `${names.join('\n')}\n`);
  for (const format of ['gnu', 'pax']) {
    const script = `cd "$(mktemp -d)" && mkdir d && printf x > "$(printf 'd/caf\\351')" && printf y > "$(printf 'd/%0240d\\351' 7)" && tar --format=${format} -c d && rm -r "$PWD"`;
    const entries = await entriesOf(
      execFileSync('bash', ['-c', script], {
        env: { LC_ALL: 'C', PATH: '/usr/bin:/bin' },
        stdio: ['ignore', 'pipe', 'inherit'],
      }),
    );
    const found = entries.map(({ name, type, content }) => [nameBytes(name).toString('latin1'), type, content]).sort();
    assert.deepEqual(
      found,
      [
        ['d', 'directory', ''],
        [`d/${'7'.padStart(240, '0')}\xe9`, 'file', 'y'],
        ['d/caf\xe9', 'file', 'x'],
      ],
      format,
    );
  }
});

test('GNU tar reads numbers of users of any size', () => {
  for (const uid of [0, 262_143, 262_144, 1_000_000, 2_097_151, 2_097_152, 2_000_000_000]) {
    const tar = Buffer.concat([tarHeader({ ...facts, name: 'a', sizeBytes: 0, uid, gid: uid }), tarEnd]);
    const listed = execFileSync('tar', ['--list', '--verbose', '--numeric-owner'], {
      input: tar,
      env: { LC_ALL: 'C', PATH: '/usr/bin:/bin' },
    });
    assert.match(listed.toString(), new RegExp(` ${uid}/${uid} `));
  }
});

test('a damaged or truncated tar is an error', async () => {
  const tar = Buffer.concat([fileOf('a', 'hello'), tarEnd]);
  for (const [what, broken] of [
    ['noise', Buffer.alloc(4096, 'x')],
    ['cut in a file', tar.subarray(0, 515)],
    ['cut before its end', tar.subarray(0, 1024)],
    [
      'an extended header that lies',
      Buffer.concat([tarHeader({ ...facts, name: 'ü', sizeBytes: 0 }).fill('9', 512, 520), tarEnd]),
    ],
  ] as const) {
    await assert.rejects(entriesOf(broken), /tar/, what);
  }
});
