import assert from 'node:assert/strict';
import { buffer } from 'node:stream/consumers';
import { describe, test } from 'node:test';
import tarStream from 'tar-stream';
import { TarEnd } from '../../src/engine/tar-end.ts';

const gibibyte = 1024 ** 3;

function endOf(tar: Buffer, chunkBytes: number): number | null {
  const end = new TarEnd();
  for (let at = 0; at < tar.length; at += chunkBytes) end.push(tar.subarray(at, at + chunkBytes));
  return end.endAt;
}

async function sample(): Promise<Buffer> {
  const pack = tarStream.pack();
  pack.entry({ name: 'folder/', type: 'directory' });
  pack.entry({ name: 'empty' }, '');
  pack.entry({ name: `long/${'name/'.repeat(60)}file`, pax: { comment: 'x' } }, 'content');
  pack.entry({ name: 'zeros' }, Buffer.alloc(4096));
  pack.entry({ name: 'link', type: 'symlink', linkname: 'empty' });
  pack.entry({ name: 'last' }, Buffer.alloc(1024));
  pack.finalize();
  return buffer(pack);
}

describe('the end of a tar', () => {
  test('is found however the bytes are split', async () => {
    const tar = await sample();
    for (const chunkBytes of [1, 7, 511, 512, 513, 4096, 1e6]) assert.equal(endOf(tar, chunkBytes), tar.length);
    const recorded = Buffer.concat([tar, Buffer.alloc(8192)]);
    assert.equal(endOf(recorded, 1000), tar.length, 'what fills up the last record is behind the end');
  });

  test('is missing wherever a tar is cut, even after a file of zeros', async () => {
    const tar = await sample();
    for (let bytes = 0; bytes < tar.length; bytes += 256) assert.equal(endOf(tar.subarray(0, bytes), 300), null);
  });

  test('is found behind a file of more than 8 GiB, in both encodings of its size', () => {
    for (const size of ['pax', 'binary'] as const) {
      const end = new TarEnd();
      for (const block of hugeFile(size, 9 * gibibyte)) end.push(block);
      assert.equal(end.endAt, null, 'the file itself is skipped');
      skip(end, 9 * gibibyte - 1024);
      end.push(Buffer.alloc(1024));
      assert.equal(end.endAt, null, `the zeros of the file are no end (${size})`);
      end.push(Buffer.alloc(1024));
      assert.notEqual(end.endAt, null, size);
    }
  });

  test('is not found in a damaged tar or in other data', async () => {
    const tar = await sample();
    tar[3] = 65;
    assert.throws(() => endOf(tar, 512), { code: 'invalid_params' });
    assert.throws(() => endOf(Buffer.alloc(512, 'text '), 512), { code: 'invalid_params' });
  });
});

/** Repeats the same bytes, to avoid nine gibibytes of memory. */
function skip(end: TarEnd, bytes: number): void {
  const piece = Buffer.alloc(64 * 1024 * 1024, 1);
  for (let left = bytes; left > 0; left -= piece.length) end.push(piece.subarray(0, Math.min(left, piece.length)));
}

function hugeFile(how: 'pax' | 'binary', sizeBytes: number): readonly Buffer[] {
  const record = Buffer.alloc(512);
  const line = `size=${sizeBytes}\n`;
  record.write(`${line.length + 3} ${line}`);
  if (how === 'pax') return [header('x', '00000001000'), record, header('0', '00000000000')];
  const binary = Buffer.alloc(12);
  binary[0] = 0x80;
  binary.writeBigUInt64BE(BigInt(sizeBytes), 4);
  return [header('0', binary)];
}

function header(type: string, size: string | Buffer): Buffer {
  const block = Buffer.alloc(512);
  block.write('file', 0);
  if (typeof size === 'string') block.write(size, 124);
  else size.copy(block, 124);
  block.write(type, 156);
  block.write(' '.repeat(8), 148);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return block;
}
