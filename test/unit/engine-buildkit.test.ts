import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { BuildProgress } from '../../src/engine/build-progress.ts';
import { type BuildTrace, decodeTrace, type TracedStep } from '../../src/engine/buildkit-trace.ts';
import { type Field, fieldsOf } from '../../src/engine/protobuf.ts';

function varint(value: bigint): Buffer {
  const bytes: number[] = [];
  let rest = value;
  do {
    bytes.push(Number(rest & 0x7fn) | (rest > 0x7fn ? 0x80 : 0));
    rest >>= 7n;
  } while (rest > 0n);
  return Buffer.from(bytes);
}

function field(number: number, value: bigint | Uint8Array | string): Buffer {
  if (typeof value === 'bigint') return Buffer.concat([varint(BigInt(number) << 3n), varint(value)]);
  const bytes = Buffer.from(value);
  return Buffer.concat([varint((BigInt(number) << 3n) | 2n), varint(BigInt(bytes.length)), bytes]);
}

describe('BuildKit’s reports', () => {
  test('every message is decoded as it was encoded', () => {
    const value = fc.oneof(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), fc.uint8Array());
    fc.assert(
      fc.property(fc.array(fc.record({ number: fc.integer({ min: 1, max: 2 ** 29 - 1 }), value })), (fields) => {
        const message = Buffer.concat(fields.map((one) => field(one.number, one.value)));
        const plain = (one: Field) => ({
          ...one,
          value: typeof one.value === 'bigint' ? one.value : Buffer.from(one.value).toString('hex'),
        });
        assert.deepEqual([...fieldsOf(message)].map(plain), fields.map(plain));
      }),
    );
  });

  test('invalid bytes are an error, never a hang', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        try {
          decodeTrace(bytes);
        } catch (error) {
          assert.ok(error instanceof RangeError);
        }
      }),
    );
    assert.throws(() => decodeTrace(Buffer.from([0x0a, 0xff])), RangeError);
  });

  test('steps, logs and warnings are found in the messages', () => {
    const moment = field(1, 1n);
    const step = Buffer.concat([
      field(1, 'sha256:1'),
      field(2, 'sha256:0'),
      field(3, '[2/2] RUN true'),
      field(4, 1n),
      field(5, moment),
      field(6, moment),
      field(7, 'exit code: 1'),
    ]);
    const log = Buffer.concat([field(1, 'sha256:1'), field(2, moment), field(3, 2n), field(4, 'oh ü')]);
    const warning = Buffer.concat([field(1, 'sha256:1'), field(2, 1n), field(3, 'FromAsCasing')]);
    const trace = decodeTrace(Buffer.concat([field(1, step), field(3, log), field(4, warning)]));
    assert.deepEqual(trace, {
      steps: [
        {
          digest: 'sha256:1',
          name: '[2/2] RUN true',
          cached: true,
          started: true,
          completed: true,
          error: 'exit code: 1',
        },
      ],
      logs: [{ digest: 'sha256:1', stream: 'stderr', bytes: Buffer.from('oh ü') }],
      warnings: ['FromAsCasing'],
    });
  });
});

describe('the shown output of a build', () => {
  const step = (name: string, change: Partial<TracedStep> = {}): TracedStep => {
    return { digest: name, name, cached: false, started: false, completed: false, error: '', ...change };
  };
  const log = (digest: string, text: string) => ({ digest, stream: 'stdout' as const, bytes: Buffer.from(text) });

  function shown(...traces: readonly Partial<BuildTrace>[]) {
    const lines: string[] = [];
    const progress = new BuildProgress({
      step: (text) => lines.push(text),
      detail: (text) => lines.push(text),
      warn: (text) => lines.push(`! ${text}`),
    });
    for (const trace of traces) progress.add({ steps: [], logs: [], warnings: [], ...trace });
    progress.finish();
    return { lines, failed: progress.failed };
  }

  test('names a step once, then shows its whole lines', () => {
    const { lines } = shown(
      { steps: [step('[1/1] RUN a')] },
      { steps: [step('[1/1] RUN a', { started: true })], logs: [log('[1/1] RUN a', 'one\ntw')] },
      { logs: [log('[1/1] RUN a', 'o\n10%\r50%\r100%\nrest')] },
      { steps: [step('[1/1] RUN a', { started: true, completed: true })] },
    );
    assert.deepEqual(lines, ['[1/1] RUN a', 'one', 'two', '100%', 'rest']);
  });

  test('names the step before each line when steps run in parallel', () => {
    const started = { steps: [step('A', { started: true }), step('B', { started: true })] };
    const { lines } = shown(started, {
      logs: [log('A', 'a1\n'), log('B', 'b1\n'), log('B', 'b2\n'), log('A', 'a2\n')],
    });
    assert.deepEqual(lines, ['A', 'B', 'A', 'a1', 'B', 'b1', 'b2', 'A', 'a2']);
  });

  test('marks cached steps, and hides internal ones', () => {
    const { lines } = shown(
      { steps: [step('[internal] load build definition', { started: true })] },
      { steps: [step('[2/3] COPY . .', { cached: true, completed: true })] },
      { steps: [step('[2/3] COPY . .', { cached: true, started: true, completed: true })], warnings: ['mind the gap'] },
    );
    assert.deepEqual(lines, ['[2/3] COPY . . (cached)', '! mind the gap']);
  });

  test('shows what a failed step wrote last without a newline, also when it comes after the end of the step', () => {
    const { lines, failed } = shown(
      { steps: [step('A', { started: true })], logs: [log('A', 'one\n')] },
      { steps: [step('A', { started: true, completed: true, error: 'exit code: 1' })] },
      { logs: [log('A', 'FATAL: '), log('A', 'why')] },
    );
    assert.deepEqual(lines, ['A', 'one', 'FATAL: why']);
    assert.deepEqual(failed?.lastLines, ['one', 'FATAL: why']);
  });

  test('keeps the failed step with its last lines, not the steps cancelled with it', () => {
    const output = Array.from({ length: 30 }, (_, index) => `line ${index}\n`).join('');
    const { failed } = shown(
      { steps: [step('A', { started: true }), step('B', { started: true })], logs: [log('A', output)] },
      { steps: [step('B', { started: true, completed: true, error: 'context canceled' })] },
      { steps: [step('A', { started: true, completed: true, error: 'exit code: 1' })] },
    );
    assert.equal(failed?.name, 'A');
    assert.deepEqual(
      [failed?.lastLines.length, failed?.lastLines[0], failed?.lastLines[9]],
      [10, 'line 20', 'line 29'],
    );
  });
});
