import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openServiceNotices } from '../../src/launcher/service-notices.ts';
import { eventually } from '../support/eventually.ts';

function recorded() {
  const sent: string[] = [];
  return {
    sent,
    send: async (words: readonly string[]) => {
      sent.push(words.join(' '));
    },
  };
}

test('systemd hears that visitors are served, what is done, and a heartbeat three times in WatchdogSec', async () => {
  const { sent, send } = recorded();
  const env = { NOTIFY_SOCKET: '/run/systemd/notify', WATCHDOG_USEC: '30000', WATCHDOG_PID: String(process.pid) };
  const notices = openServiceNotices(env, send);
  await eventually('three heartbeats', () => sent.filter((words) => words === 'WATCHDOG=1').length >= 3);
  notices.close();
  sent.length = 0;
  notices.ready('Apps are served.');
  notices.status('Ready.');
  notices.stopping();
  await eventually('all are sent', () => sent.length === 3);
  assert.deepEqual(sent, ['READY=1 STATUS=Apps are served.', 'STATUS=Ready.', 'STOPPING=1']);
});

test('nothing is sent without systemd, and no heartbeat that is meant from another process', async () => {
  const { sent, send } = recorded();
  openServiceNotices({ WATCHDOG_USEC: '3000' }, send).ready('x');
  const notices = openServiceNotices({ NOTIFY_SOCKET: '/x', WATCHDOG_USEC: '3000', WATCHDOG_PID: '1' }, send);
  notices.ready('y');
  await eventually('the one is sent', () => sent.length > 0);
  notices.close();
  assert.deepEqual(sent, ['READY=1 STATUS=y']);
});
