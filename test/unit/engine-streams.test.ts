import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { LogParts, splitTerminalLine } from '../../src/engine/log-parts.ts';
import { frames, lines } from '../../src/engine/streams.ts';

const time = '2026-11-22T10:52:03.626016306Z';
const later = '2026-11-22T10:52:04.000000000Z';

/** The bytes split at any places, as a socket may deliver them. */
function cut(bytes: Buffer, cuts: readonly number[]): AsyncIterable<Buffer> {
  const ends = [...cuts.map((at) => at % (bytes.length + 1)), bytes.length].toSorted((a, b) => a - b);
  return (async function* () {
    let from = 0;
    for (const end of ends) {
      if (end > from) yield bytes.subarray(from, end);
      from = Math.max(from, end);
    }
  })();
}

async function collect<T>(values: AsyncIterable<T>): Promise<T[]> {
  const collected: T[] = [];
  for await (const value of values) collected.push(value);
  return collected;
}

function frame(stream: 1 | 2, payload: Buffer): Buffer {
  const header = Buffer.alloc(8);
  header[0] = stream;
  header.writeUInt32BE(payload.length, 4);
  return Buffer.concat([header, payload]);
}

describe('the engine’s streams', () => {
  test('frames are the same however the bytes are split', async () => {
    const sent = fc.array(fc.record({ stream: fc.constantFrom(1 as const, 2 as const), bytes: fc.uint8Array() }));
    await fc.assert(
      fc.asyncProperty(sent, fc.array(fc.nat(), { maxLength: 20 }), async (records, cuts) => {
        const bytes = Buffer.concat(records.map(({ stream, bytes }) => frame(stream, Buffer.from(bytes))));
        const received = await collect(frames(cut(bytes, cuts)));
        assert.deepEqual(
          received.map(({ stream, payload }) => [stream, payload.toString('hex')]),
          records.map(({ stream, bytes }) => [stream === 1 ? 'stdout' : 'stderr', Buffer.from(bytes).toString('hex')]),
        );
      }),
    );
  });

  test('an incomplete frame at the end is left out', async () => {
    const whole = frame(1, Buffer.from('whole'));
    const half = frame(2, Buffer.from('not all of it')).subarray(0, 12);
    const received = await collect(frames(cut(Buffer.concat([whole, half]), [3])));
    assert.deepEqual(
      received.map(({ payload }) => payload.toString()),
      ['whole'],
    );
  });

  test('lines are the same however the bytes are split', async () => {
    const text = fc.string({ unit: fc.constantFrom('a', 'ü', '\n') });
    await fc.assert(
      fc.asyncProperty(text, fc.array(fc.nat(), { maxLength: 10 }), async (sent, cuts) => {
        const received = (await collect(lines(cut(Buffer.from(sent), cuts)))).map((line) => line.toString());
        assert.deepEqual(
          received,
          sent.endsWith('\n') || sent === '' ? sent.split('\n').slice(0, -1) : sent.split('\n'),
        );
      }),
    );
  });
});

describe('lines of a log', () => {
  const record = (text: string, at = time) => Buffer.from(`${at} ${text}`);
  const told = (records: readonly Buffer[]) => {
    const parts = new LogParts('stdout');
    return [...records.flatMap((one) => [...parts.add(one)]), ...parts.flush()].map((line) => line.text);
  };
  const part = 'x'.repeat(16_384);

  test('the parts of a long line become one line, whether the engine kept its newline or lost it', () => {
    assert.deepEqual(told([record(part), record(part), record('end\n'), record('next\n', later)]), [
      `${part}${part}end`,
      'next',
    ]);
    assert.deepEqual(told([record(part), record('end'), record('next\n', later)]), [`${part}end`, 'next']);
    assert.deepEqual(told([record(part), record('next\n', later)]), [part, 'next']);
  });

  test('a character split between two parts is restored', () => {
    const bytes = Buffer.from(`${'x'.repeat(16_383)}ü`);
    const first = Buffer.concat([record(''), bytes.subarray(0, 16_384)]);
    const second = Buffer.concat([record(''), bytes.subarray(16_384), Buffer.from('\n')]);
    assert.deepEqual(told([first, second]), [`${'x'.repeat(16_383)}ü`]);
  });

  test('an endless line is split into pieces of 64 KB', () => {
    const lengths = told([...Array<Buffer>(9).fill(record(part)), record('\n')]).map((line) => line.length);
    assert.deepEqual(lengths, [65_536, 65_536, 16_384]);
  });

  test('empty lines and lines of spaces are kept', () => {
    assert.deepEqual(told([record('\n'), record('  \n', later)]), ['', '  ']);
  });

  test('on a terminal, parts are separated, but not at a timestamp that a program wrote', () => {
    const line = Buffer.from(`${time} ${part}${time} ${part}${time} end\r${later} next: ${time} said`);
    assert.deepEqual(told(splitTerminalLine(line)), [`${part}${part}end`, `next: ${time} said`]);
    const common = Buffer.from(`${time} it is \r${later} o’clock`);
    assert.equal(splitTerminalLine(common).length, 1);
  });
});
