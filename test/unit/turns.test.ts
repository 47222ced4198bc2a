import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { errorCode } from '../../src/domain/errors.ts';
import { Turns } from '../../src/system/turns.ts';

describe('turns', () => {
  it('come one after the other in the order of asking, also after one that failed', async () => {
    const turns = new Turns();
    const said: string[] = [];
    const first = Promise.withResolvers<void>();
    const one = turns.run('a', async () => {
      await first.promise;
      said.push('one');
      throw new Error('broken');
    });
    const two = turns.run('a', async () => said.push('two'));
    const other = turns.run('b', async () => said.push('other'));
    await other;
    first.resolve();
    await assert.rejects(one, /broken/);
    await two;
    assert.deepEqual(said, ['other', 'one', 'two']);
    await turns.idle();
    assert.equal(turns.isBusy('a'), false);
  });

  it('let a wait that is aborted go at once, and never start its work', async () => {
    const turns = new Turns();
    const first = Promise.withResolvers<void>();
    const one = turns.run('a', () => first.promise);
    const gone = new AbortController();
    let started = false;
    const two = turns.run(
      'a',
      async () => {
        started = true;
      },
      gone.signal,
    );
    gone.abort();
    await assert.rejects(two, (error) => errorCode(error) === 'cancelled');
    assert.equal(turns.isBusy('a'), true, 'the first one still works');
    first.resolve();
    await one;
    await turns.idle();
    assert.equal(started, false);
    await assert.rejects(
      turns.run('a', async () => undefined, gone.signal),
      (error) => errorCode(error) === 'cancelled',
    );
  });

  it('are idle when the last one has ended, those included that came meanwhile', async () => {
    const turns = new Turns();
    const said: string[] = [];
    const first = Promise.withResolvers<void>();
    const one = turns.run('a', () => first.promise);
    const idle = turns.idle().then(() => said.push('idle'));
    const two = one.then(() => turns.run('b', async () => said.push('two')));
    first.resolve();
    await Promise.all([idle, two]);
    assert.deepEqual(said, ['two', 'idle']);
  });
});
