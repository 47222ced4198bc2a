import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { formatLine, LineIds, momentOf, sourcesOf } from '../../src/api/log-line.ts';
import { type LogLine, logSources } from '../../src/domain/log-line.ts';

const line = (text: string, more: Partial<LogLine> = {}): LogLine => ({
  at: new Date('2026-01-01T00:00:00.007Z'),
  source: 'app',
  process: 'web.1',
  release: 1,
  text,
  ...more,
});

test("a line has Heroku's form, with paas in place of heroku", () => {
  assert.equal(formatLine(line('hello')), '2026-01-01T00:00:00.007000+00:00 app[web.1]: hello');
  const names = logSources.map((source) => formatLine(line('', { source })).split(' ')[1]);
  assert.deepEqual(names, ['app[web.1]:', 'paas[web.1]:', 'build[web.1]:', 'paas[web.1]:']);
});

test('the lines of --source start with that source', () => {
  for (const name of ['app', 'paas', 'build'] as const) {
    const shown = logSources.filter((source) => formatLine(line('', { source })).includes(` ${name}[`));
    assert.deepEqual([...sourcesOf(name)], shown);
  }
});

test('any text stays on one line', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      assert.doesNotMatch(formatLine(line(text)), /[\r\n]/);
    }),
  );
});

test('lines have stable ids, and equal lines have different ids', () => {
  const lines = [line('a'), line('a'), line('b'), line('a', { at: new Date(1) }), line('a')];
  const read = () => {
    const ids = new LineIds();
    return lines.map((each) => ids.next(each));
  };
  assert.deepEqual(read(), read());
  assert.equal(new Set(read().slice(0, 4)).size, 4);
  assert.equal(momentOf(read()[3] ?? ''), 1);
  for (const text of ['', '1', 'x-AAAAAAAAAA-0', '99999999999999999999-AAAAAAAAAA-0'])
    assert.equal(momentOf(text), null);
});
