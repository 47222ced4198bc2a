import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { readEvents, type StreamEvent } from '../../src/cli/event-stream.ts';

async function* source(chunks: readonly Uint8Array[]) {
  yield* chunks;
}

async function read(chunks: readonly Uint8Array[]): Promise<readonly StreamEvent[]> {
  const events: StreamEvent[] = [];
  for await (const event of readEvents(source(chunks))) events.push(event);
  return events;
}

const one = (text: string) => read([Buffer.from(text)]);

test('an event has its lines, its type and the last id', async () => {
  assert.deepEqual(await one('id: 7\ndata: a\ndata:b\n\nevent: end\ndata:  c\n\n'), [
    { id: '7', type: 'message', data: 'a\nb' },
    { id: '7', type: 'end', data: ' c' },
  ]);
});

test('comments and unfinished events are skipped', async () => {
  assert.deepEqual(await one(': alive\n\nid: 1\n\ndata: lost'), []);
});

test('the events are the same however the bytes are split', async () => {
  const text = 'id: 1\r\ndata: größe\r\n\r\ndata: x\rdata: y\r\rdata: z\n\n';
  const whole = await one(text);
  assert.deepEqual(
    whole.map(({ data }) => data),
    ['größe', 'x\ny', 'z'],
  );
  const bytes = Buffer.from(text);
  await fc.assert(
    fc.asyncProperty(fc.uniqueArray(fc.nat(bytes.length), { maxLength: 12 }), async (cuts) => {
      const at = [0, ...cuts.sort((a, b) => a - b), bytes.length];
      const chunks = at.slice(1).map((end, i) => bytes.subarray(at[i], end));
      assert.deepEqual(await read(chunks), whole);
    }),
    { numRuns: 300 },
  );
});
