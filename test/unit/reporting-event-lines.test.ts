import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type EventFacts, type EventKind, eventKinds, eventOf, type PlatformEvent } from '../../src/domain/event.ts';
import { eventLines } from '../../src/reporting/event-lines.ts';
import { exampleFacts, web1 } from '../support/events.ts';

const me = { accountId: 'me', email: 'me@example.com' };
const at = new Date('2026-01-01T00:00:00Z');

/** As the store returns it. */
function event<K extends EventKind>(kind: K, data: EventFacts[K]): PlatformEvent {
  return { ...eventOf(kind, me, { appId: 'a1', data }), seq: 1, id: 'e1', at } as PlatformEvent;
}

const says = <K extends EventKind>(kind: K, data: EventFacts[K]) =>
  eventLines(event(kind, data)).map(({ process, text }) => `paas[${process}]: ${text}`);

test("the events of an instance are logged in Heroku's words", () => {
  assert.deepEqual(
    [
      says('instance.starting', { ...web1, command: 'node web.js' }),
      says('instance.up', web1),
      says('instance.draining', { ...web1, stopReason: 'replaced', signal: 'SIGTERM' }),
      says('instance.stopped', { ...web1, exitCode: 143, reason: 'Process exited with status 143', stopReason: null }),
    ].flat(),
    [
      'paas[web.1]: Starting process with command `node web.js`',
      'paas[web.1]: State changed from starting to up',
      'paas[web.1]: Stopping all processes with SIGTERM',
      'paas[web.1]: Process exited with status 143',
    ],
  );
});

test('a crash is logged with its cause, its status and its consequence', () => {
  const reason = 'Error R10 (Boot timeout): web.1 did not answer on port 5000 within 60 s';
  assert.deepEqual(says('instance.crashed', { ...web1, exitCode: 137, reason, stopReason: null, from: 'starting' }), [
    `paas[web.1]: ${reason}`,
    'paas[web.1]: Process exited with status 137',
    'paas[web.1]: State changed from starting to crashed',
  ]);
  assert.deepEqual(says('instance.refused', { ...web1, reason: 'No room for 8 cloudlets' }), [
    'paas[web.1]: No room for 8 cloudlets',
  ]);
});

test('a lost instance is logged with the state of its host', () => {
  assert.deepEqual(says('instance.lost', { ...web1, reason: 'Host host-1 has not answered for 60 s' }), [
    'paas[web.1]: Host host-1 has not answered for 60 s',
    'paas[web.1]: State changed to lost',
  ]);
});

test('a delayed start after crashes is logged, an immediate one is not', () => {
  const crashes = (failures: number, startsInMs: number) => says('instance.placed', { ...web1, failures, startsInMs });
  assert.deepEqual(crashes(2, 9_870), ['paas[web.1]: Ended 2 times in a row: starting again in 10 s']);
  assert.deepEqual(crashes(5, 120_000), ['paas[web.1]: Ended 5 times in a row: starting again in 2 min']);
  assert.deepEqual(says('instance.placed', { ...web1, failures: 0, startsInMs: 0 }), []);
});

test('actions of users are logged with the user', () => {
  assert.deepEqual(
    [
      says('config.changed', { set: 'A, B', unset: null }),
      says('config.changed', { set: 'A', unset: 'C' }),
      says('release.created', { releaseId: 'r', version: 12, description: 'Deploy 3ab12cf' }),
      says('release.failed', { releaseId: 'r', version: 12, description: 'Deploy 3ab12cf', reason: 'web.1 crashed' }),
      says('formation.changed', { formation: 'web@2:4c' }),
      says('push.received', { ref: 'refs/heads/main', commit: '3ab12cf9f8e7d' }),
    ].flat(),
    [
      'paas[api]: Set A, B config vars by me@example.com',
      'paas[api]: Set A config vars by me@example.com',
      'paas[api]: Unset C config vars by me@example.com',
      'paas[api]: Release v12 created by me@example.com',
      'paas[api]: Release v12 failed: web.1 crashed',
      'paas[api]: Scaled to web@2:4c by me@example.com',
      'paas[api]: Push of 3ab12cf to main received from me@example.com',
    ],
  );
});

test('a one-off is logged once, from its command to its status', () => {
  const run = { ...web1, instanceId: 'i2', process: 'run.1234', type: 'run' };
  assert.deepEqual(
    [
      says('run.started', { ...run, command: 'bash' }),
      says('instance.starting', { ...run, command: null }),
      says('run.ended', { ...run, exitCode: 0, reason: 'Process exited with status 0', stopReason: null }),
    ].flat(),
    [
      'paas[run.1234]: Starting process with command `bash` by me@example.com',
      'paas[run.1234]: Process exited with status 0',
      'paas[run.1234]: State changed from up to complete',
    ],
  );
});

test('the lines of an instance have its release, so that the log of a release shows them', () => {
  const [line] = eventLines(event('instance.up', web1));
  assert.deepEqual([line?.source, line?.process, line?.release], ['platform', 'web.1', 12]);
});

test('an event of each kind logs only the facts that it has', () => {
  for (const kind of eventKinds) {
    for (const text of says(kind, exampleFacts[kind])) assert.ok(!/undefined|null|\[object/.test(text), text);
  }
});
