import assert from 'node:assert/strict';
import { it } from 'node:test';
import { closeInOrder } from '../../src/orchestrator/close-in-order.ts';
import { systemClock } from '../../src/system/clock.ts';
import { type Logger, silentLogger } from '../../src/system/logger.ts';

it('a part that hangs or fails while closing does not stop the next ones from closing', async () => {
  const told: string[] = [];
  const logger: Logger = {
    ...silentLogger,
    warn: (message, fields) => void told.push(`${message}: ${fields?.part}`),
    error: (message, fields) => void told.push(`${message}: ${fields?.part}`),
  };
  const closed: string[] = [];
  const steps = [
    ['first', async () => closed.push('first')],
    ['hangs', () => new Promise(() => {}), 20],
    ['breaks', () => Promise.reject(new Error('broken'))],
    [
      'throws',
      () => {
        throw new Error('thrown');
      },
    ],
    ['last', async () => closed.push('last')],
  ] as const;
  await closeInOrder(steps, { clock: systemClock, logger });
  assert.deepEqual(closed, ['first', 'last']);
  assert.deepEqual(told, [
    'a part did not close in time: hangs',
    'a part could not be closed: breaks',
    'a part could not be closed: throws',
  ]);
});
