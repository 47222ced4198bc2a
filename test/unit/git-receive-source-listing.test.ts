import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { readListing } from '../../src/git-receive/source-listing.ts';

const id = 'e'.repeat(40);
const limits = { entries: 1000, treeBytes: 1_000_000 };

function row(path: string, { mode = '100644', type = 'blob', size = '12' } = {}): string {
  return `${mode} ${type} ${id} ${size.padStart(7)}\t${path}\0`;
}

async function* pieces(text: string, length = 7): AsyncGenerator<Buffer> {
  const data = Buffer.from(text);
  for (let start = 0; start < data.length; start += length) yield data.subarray(start, start + length);
}

describe('the listing of a source', () => {
  it('holds files, links and submodules, and no folders', async () => {
    const text =
      row('lib', { mode: '040000', type: 'tree', size: '-' }) +
      row('lib/a b.txt') +
      row('link', { mode: '120000', size: '3' }) +
      row('vendor', { mode: '160000', type: 'commit', size: '-' });
    assert.deepEqual(await readListing(pieces(text), limits), [
      { path: 'lib/a b.txt', mode: '100644', objectId: id, sizeBytes: 12 },
      { path: 'link', mode: '120000', objectId: id, sizeBytes: 3 },
      { path: 'vendor', mode: '160000', objectId: id, sizeBytes: 0 },
    ]);
  });

  it('has every path exactly as in the tree, however the output is split', async () => {
    const path = fc.string({ minLength: 1, maxLength: 60, unit: 'grapheme' }).filter((text) => !text.includes('\0'));
    await fc.assert(
      fc.asyncProperty(fc.array(path, { maxLength: 30 }), fc.integer({ min: 1, max: 100 }), async (paths, length) => {
        const entries = await readListing(pieces(paths.map((name) => row(name)).join(''), length), limits);
        assert.deepEqual(
          entries.map((entry) => entry.path),
          paths,
        );
      }),
    );
  });

  it('ends at the first entry over the limit, folders included', async () => {
    let asked = 0;
    async function* endless(): AsyncGenerator<Buffer> {
      for (;;) {
        asked += 1;
        yield Buffer.from(row(`d${asked}`, { mode: '040000', type: 'tree', size: '-' }));
      }
    }
    await assert.rejects(readListing(endless(), limits), {
      code: 'too_large',
      message: 'The source has more than 1,000 files and folders.',
    });
    assert.equal(asked, 1001);
  });

  it('ends when its files are too large in total', async () => {
    const text = row('small') + row('big.bin', { size: '999999' });
    await assert.rejects(readListing(pieces(text), limits), {
      code: 'too_large',
      message: /1 MiB.*"big\.bin", file 2/,
    });
  });

  it('ends when a path is longer than the system allows', async () => {
    await assert.rejects(readListing(pieces(row('x'.repeat(5000)), 1024), limits), { message: /4,096 bytes/ });
    async function* unended(): AsyncGenerator<Buffer> {
      for (;;) yield Buffer.alloc(1024, 'x');
    }
    await assert.rejects(readListing(unended(), limits), { message: /4,096 bytes/ });
  });

  it('fails as a defect when it has another form', async () => {
    await assert.rejects(readListing(pieces('nonsense\0'), limits), { code: 'internal' });
  });
});
