import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { errorCode, PlatformError } from '../../src/domain/errors.ts';
import type { HoldOptions, Lease, LeaseName, Leases, LeaseWait } from '../../src/domain/leases.ts';
import { eventually } from '../support/eventually.ts';

/** The contract of every adapter of leases. `open` returns leases without a holder. */
export function leasesContract(adapter: string, open: () => Promise<Leases>): void {
  describe(`leases of ${adapter}`, () => {
    test('are held by one holder at a time, in the order of the requests, even after a holder failed', async () => {
      const leases = await open();
      const said: string[] = [];
      const first = take(leases, 'app/1', { purpose: 'the first' });
      await first.lease;
      const second = leases.hold('app/1', async () => said.push('second'), { purpose: 'the second' });
      const third = leases.hold('app/1', async () => said.push('third'), { purpose: 'the third' });
      await leases.hold('app/2', async () => said.push('another name'), { purpose: 'another' });
      await leases.hold('app/1/source', async () => said.push('a name below'), { purpose: 'another' });
      first.fail(new Error('broken'));
      await assert.rejects(first.held, /broken/);
      await Promise.all([second, third]);
      assert.deepEqual(said, ['another name', 'a name below', 'second', 'third']);
      await leases.close();
    });

    test('return the result of the work', async () => {
      const leases = await open();
      assert.equal(await leases.hold('leader', async () => 7, { purpose: 'this' }), 7);
      await leases.close();
    });

    test('have a term that grows with each holder of the name', async () => {
      const leases = await open();
      const terms: number[] = [];
      const note = async ({ term }: Lease) => void terms.push(term);
      for (let count = 0; count < 3; count += 1) await leases.hold('leader', note, { purpose: 'this' });
      assert.deepEqual(
        terms,
        [...new Set(terms)].sort((a, b) => a - b),
      );
      assert.equal(terms.length, 3);
      await leases.close();
    });

    test('can be checked by a writer while they are held, and the check fails afterwards', async () => {
      const leases = await open();
      const kept = await leases.hold(
        'host/1',
        async (lease) => {
          await lease.check();
          assert.equal(lease.name, 'host/1');
          return lease;
        },
        { purpose: 'this' },
      );
      await assert.rejects(kept.check(), { code: 'cancelled' });
      await leases.close();
    });

    test('let an aborted waiter go at once, never start its work, and go to the next waiter', async () => {
      const leases = await open();
      const first = take(leases, 'app/1', { purpose: 'the first' });
      await first.lease;
      const gone = new AbortController();
      let started = false;
      const begin = async () => {
        started = true;
      };
      const options = { purpose: 'the impatient', signal: gone.signal };
      const impatient = leases.hold('app/1', begin, options);
      const patient = leases.hold('app/1', async () => 'here', { purpose: 'the patient' });
      gone.abort();
      await assert.rejects(impatient, { code: 'cancelled' });
      assert.equal(await leases.isBusy('app/1'), true, 'the first one still works');
      first.end();
      assert.equal(await patient, 'here');
      await assert.rejects(leases.hold('app/1', begin, options), { code: 'cancelled' });
      assert.equal(started, false);
      await leases.close();
    });

    test('are not given to a waiter that leaves at that very moment', async () => {
      const leases = await open();
      const first = take(leases, 'app/1', { purpose: 'the first' });
      await first.lease;
      const gone = new AbortController();
      const unlucky = take(leases, 'app/1', { purpose: 'the unlucky', signal: gone.signal });
      const next = leases.hold('app/1', async () => 'here', { purpose: 'the next' });
      first.end();
      gone.abort();
      await Promise.allSettled([unlucky.lease.then(unlucky.end), unlucky.held]);
      assert.equal(await next, 'here');
      await leases.close();
    });

    test('pass the reason of the abort to the waiter', async () => {
      const leases = await open();
      const first = take(leases, 'app/1', { purpose: 'the first' });
      await first.lease;
      const late = new AbortController();
      const waiting = leases.hold('app/1', async () => undefined, { purpose: 'this', signal: late.signal });
      late.abort(new PlatformError('timeout', 'It took too long.'));
      await assert.rejects(waiting, { code: 'timeout', message: 'It took too long.' });
      first.end();
      await leases.close();
    });

    test('abort their signal when the holder must end, and stay held until it has ended', async () => {
      const leases = await open();
      const ending = new AbortController();
      const first = take(leases, 'app/1', { purpose: 'the first', signal: ending.signal });
      const { signal } = await first.lease;
      let isNext = false;
      const next = leases.hold(
        'app/1',
        async () => {
          isNext = true;
        },
        { purpose: 'the next' },
      );
      assert.equal(signal.aborted, false);
      ending.abort();
      await eventually('the signal aborts', () => signal.aborted);
      assert.equal(isNext, false);
      first.end();
      await Promise.all([first.held, next]);
      await leases.close();
    });

    test('report to each waiter its position and the work in front of it, on every change', async () => {
      const leases = await open();
      const first = take(leases, 'app/1', { purpose: 'the push of 1111111', onWait: () => assert.fail('it waits') });
      await first.lease;
      const second = take(leases, 'app/1', { purpose: 'the push of 2222222' });
      await eventually('the second waits', () => second.waits.length > 0);
      const third = take(leases, 'app/1', { purpose: 'the push of 3333333' });
      await eventually('the third waits', () => third.waits.length > 0);
      assert.deepEqual(second.waits, [{ position: 1, inFront: 'the push of 1111111' }]);
      assert.deepEqual(third.waits, [{ position: 2, inFront: 'the push of 2222222' }]);
      first.end();
      await second.lease;
      await eventually('the third is nearer', () => third.waits.length > 1);
      assert.deepEqual(third.waits.at(-1), { position: 1, inFront: 'the push of 2222222' });
      second.end();
      await third.lease;
      third.end();
      await Promise.all([first.held, second.held, third.held]);
      assert.equal(second.waits.length, 1);
      assert.equal(third.waits.length, 2);
      await leases.close();
    });

    test('are busy while they have a holder or a waiter', async () => {
      const leases = await open();
      assert.equal(await leases.isBusy('round/tidy'), false);
      const holder = take(leases, 'round/tidy', { purpose: 'this' });
      await holder.lease;
      assert.equal(await leases.isBusy('round/tidy'), true);
      assert.equal(await leases.isBusy('round/other'), false);
      holder.end();
      await holder.held;
      assert.equal(await leases.isBusy('round/tidy'), false);
      await leases.close();
    });

    test('end when they are closed: signals abort, waits end, and closing waits for the holders', async () => {
      const leases = await open();
      const holder = take(leases, 'leader', { purpose: 'this' });
      const lease = await holder.lease;
      const waiting = assert.rejects(
        leases.hold('leader', async () => 'never', { purpose: 'that' }),
        {
          code: 'cancelled',
        },
      );
      let isClosed = false;
      const closing = leases.close().then(() => {
        isClosed = true;
      });
      await waiting;
      await eventually('the signal aborts', () => lease.signal.aborted);
      await assert.rejects(lease.check(), { code: 'cancelled' });
      assert.equal(isClosed, false);
      holder.end();
      await closing;
      await assert.rejects(
        leases.hold('host/1', async () => 'never', { purpose: 'late' }),
        (error) => errorCode(error) === 'cancelled',
      );
    });
  });
}

/** Holds a lease until `end` is called. */
function take(leases: Leases, name: LeaseName, options: HoldOptions) {
  const lease = Promise.withResolvers<Lease>();
  const over = Promise.withResolvers<void>();
  const waits: LeaseWait[] = [];
  const work = async (given: Lease) => {
    lease.resolve(given);
    await over.promise;
  };
  const held = leases.hold(name, work, { onWait: (wait) => waits.push(wait), ...options });
  held.catch(lease.reject);
  lease.promise.catch(() => undefined);
  return { lease: lease.promise, held, waits, end: () => over.resolve(), fail: (error: Error) => over.reject(error) };
}
