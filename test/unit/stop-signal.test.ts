import assert from 'node:assert/strict';
import { test } from 'node:test';
import { signalName, signalNumber } from '../../src/domain/stop-signal.ts';

test('a stop signal is understood as a Dockerfile writes it', () => {
  const numbers = {
    SIGTERM: 15,
    TERM: 15,
    sigquit: 3,
    '3': 3,
    SIGWINCH: 28,
    'SIGRTMIN+3': 37,
    'RTMAX-1': 63,
    SIGRTMIN: 34,
  };
  for (const [text, number] of Object.entries(numbers)) assert.equal(signalNumber(text), number, text);
  for (const text of ['SIGNONE', '0', '65', 'RTMIN-1', 'RTMAX+1', '', '-9'])
    assert.equal(signalNumber(text), null, text);
});

test('a stop signal has one name', () => {
  assert.deepEqual(['quit', 'SIGTERM', 'RTMIN+3', '37'].map(signalName), [
    'SIGQUIT',
    'SIGTERM',
    'SIGRTMIN+3',
    'signal 37',
  ]);
});
