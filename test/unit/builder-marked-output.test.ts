import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { MarkedOutput } from '../../src/builder/jail/marked-output.ts';

function listening() {
  const heard: string[] = [];
  const output = new MarkedOutput((chunk) => heard.push(chunk.toString()));
  const expected = () => {
    const { text, reached } = output.expect();
    let isReached = false;
    void reached.then(() => {
      isReached = true;
    });
    return { text, isReached: () => setImmediate().then(() => isReached) };
  };
  return { output, heard: () => heard.join(''), expected };
}

test('a mark is found wherever it is split, and never shown', async () => {
  const length = listening().expected().text.length;
  for (let cut = 0; cut <= length; cut += 1) {
    const { output, heard, expected } = listening();
    const { text, isReached } = expected();
    output.write(Buffer.from(`before${text.slice(0, cut)}`));
    assert.equal(await isReached(), cut === length, `cut at ${cut}`);
    output.write(Buffer.from(`${text.slice(cut)}after`));
    assert.ok(await isReached());
    assert.equal(heard(), 'beforeafter', `cut at ${cut}`);
  }
});

test('text that only looks like the beginning of a mark is passed on in order', async () => {
  const { output, heard, expected } = listening();
  const { text, isReached } = expected();
  const pieces = [text.slice(0, 5), text.slice(0, 9), '\u0001\u0001', text.slice(0, 3), 'x\u0001'];
  for (const piece of pieces) output.write(Buffer.from(piece));
  assert.equal(await isReached(), false);
  output.write(Buffer.from(text));
  assert.ok(await isReached());
  assert.equal(heard(), pieces.join(''));
});

test('the end of the output ends the wait for a mark, and passes on all held text', async () => {
  const { output, heard, expected } = listening();
  const { text, isReached } = expected();
  output.write(Buffer.from(`words${text.slice(0, 7)}`));
  output.end();
  assert.ok(await isReached());
  assert.equal(heard(), `words${text.slice(0, 7)}`);
  output.write(Buffer.from('more'));
  assert.equal(heard(), `words${text.slice(0, 7)}more`);
});
