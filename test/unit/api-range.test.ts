import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { page, parseRange } from '../../src/api/range.ts';
import { PlatformError } from '../../src/domain/errors.ts';

const properties = ['version', 'id'] as const;

test('without a Range header, or with an empty one, the first 200 by the default property are returned', () => {
  for (const header of [undefined, '', '  ']) {
    const range = parseRange(header, [...properties]);
    assert.deepEqual(range, { property: 'version', start: null, end: null, order: 'asc', max: 200 });
  }
});

test("the spellings of Heroku's clients have Heroku's meaning", () => {
  const of = (header: string) => {
    const { property, order, max, start, end } = parseRange(header, ['version', 'id', 'seq', 'hostname']);
    return [property, order, max, start?.value ?? null, start?.exclusive ?? null, end?.value ?? null];
  };
  assert.deepEqual(of('version ..; order=desc,max=15'), ['version', 'desc', 15, null, null, null]);
  assert.deepEqual(of('version ..; max=15, order=desc'), ['version', 'desc', 15, null, null, null]);
  assert.deepEqual(of('id ..; max=1000;'), ['id', 'asc', 1000, null, null, null]);
  assert.deepEqual(of('seq ..; order=desc,max=1000'), ['seq', 'desc', 1000, null, null, null]);
  assert.deepEqual(of('id ]aa-bb..; max=200'), ['id', 'asc', 200, 'aa-bb', true, null]);
  assert.deepEqual(of('id aa..bb'), ['id', 'asc', 200, 'aa', false, 'bb']);
  assert.deepEqual(of('hostname ]www.example.com..;max=1'), ['hostname', 'asc', 1, 'www.example.com', true, null]);
  assert.deepEqual(of('id ..; max=999999'), ['id', 'asc', 1000, null, null, null]);
});

test('an invalid Range is refused with a valid example', () => {
  for (const header of [
    'bytes=0-99',
    'version',
    'version 1',
    'nope ..',
    'version ..; order=up',
    'id ..; max=0',
    'id ..; x',
  ]) {
    assert.throws(
      () => parseRange(header, [...properties]),
      { code: 'invalid_params', message: /version, id/ },
      header,
    );
  }
});

test('any text is parsed or refused', () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 600 }), (header) => {
      try {
        parseRange(header, [...properties]);
      } catch (error) {
        assert.ok(error instanceof PlatformError && error.code === 'invalid_params');
      }
    }),
  );
});

test('following Next-Range returns every row once, with ties and in both directions', () => {
  const rows = fc.array(fc.record({ version: fc.integer({ min: 0, max: 30 }) }), { maxLength: 80 });
  fc.assert(
    fc.property(rows, fc.integer({ min: 1, max: 20 }), fc.constantFrom('asc', 'desc'), (given, max, order) => {
      const numbered = given.map((row, index) => ({ ...row, id: `row-${index}` }));
      const seen: string[] = [];
      let header: string | null = `version ..; order=${order},max=${max}`;
      for (let pages = 0; header !== null; pages += 1) {
        assert.ok(pages <= numbered.length);
        const shown = page(numbered, parseRange(header, ['version']));
        seen.push(...shown.rows.map(({ id }) => String(id)));
        header = shown.nextRange;
      }
      assert.deepEqual([...seen].sort(), numbered.map(({ id }) => id).sort());
      const versions = seen.map((id) => numbered.find((row) => row.id === id)?.version ?? 0);
      assert.deepEqual(
        versions,
        versions.toSorted((a, b) => (order === 'asc' ? a - b : b - a)),
      );
    }),
  );
});

test('a range with two ends contains the rows between them', () => {
  const rows = [1, 2, 3, 4, 5, 10].map((version) => ({ version }));
  const shown = (header: string) => page(rows, parseRange(header, ['version'])).rows.map(({ version }) => version);
  assert.deepEqual(shown('version 2..4'), [2, 3, 4]);
  assert.deepEqual(shown('version ]2..]4'), [3]);
  assert.deepEqual(shown('version 4..2; order=desc'), [4, 3, 2]);
  assert.deepEqual(shown('version 5..'), [5, 10]);
  const cut = page(rows, parseRange('version 2..5; max=2', ['version']));
  assert.equal(cut.nextRange, 'version ]3..5; order=asc,max=2');
});
