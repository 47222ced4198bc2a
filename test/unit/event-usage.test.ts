import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type EventFacts, type EventKind, eventOf, type PlatformEvent, usageKinds } from '../../src/domain/event.ts';

/** An app's cloudlet-seconds until a moment, from its events of `usageKinds` alone, oldest first. */
function cloudletSeconds(events: readonly PlatformEvent[], until: Date): number {
  const running = new Map<string, { readonly size: number; readonly since: Date }>();
  let seconds = 0;
  const end = (id: string, at: Date) => {
    const one = running.get(id);
    if (one) seconds += (one.size * (at.getTime() - one.since.getTime())) / 1000;
    running.delete(id);
  };
  for (const event of events) {
    if (event.kind === 'instance.starting') {
      running.set(event.data.instanceId, { size: event.data.reserved, since: event.at });
    } else if (event.kind === 'app.destroyed') {
      for (const id of [...running.keys()]) end(id, event.at);
    } else if (usageKinds.includes(event.kind) && 'instanceId' in event.data && event.data.instanceId !== null) {
      end(event.data.instanceId, event.at);
    }
  }
  for (const id of [...running.keys()]) end(id, until);
  return seconds;
}

const second = (seconds: number) => new Date(Date.UTC(2026, 0, 1) + seconds * 1000);
const at = <K extends EventKind>(seconds: number, kind: K, data: EventFacts[K]): PlatformEvent => {
  const event = eventOf(kind, { accountId: 'me', email: 'me@example.com' }, { appId: 'a1', data });
  return { ...event, seq: seconds, id: `${seconds}`, at: second(seconds) } as PlatformEvent;
};
const web = (instanceId: string, size: number) =>
  ({
    instanceId,
    process: 'web.1',
    type: 'web',
    release: 2,
    hostId: 'host-1',
    reserved: size,
    limit: 2 * size,
  }) as const;
const end = { exitCode: 0, reason: null, stopReason: null } as const;

test('the cloudlet-seconds of an app are computed from its events alone, over a change of size and a crash', () => {
  const events = [
    at(0, 'instance.placed', { ...web('a', 4), failures: 0, startsInMs: 0 }),
    at(1, 'instance.starting', { ...web('a', 4), command: 'node web.js' }),
    at(2, 'instance.up', web('a', 4)),
    // A change of size: new before old.
    at(9, 'instance.starting', { ...web('b', 8), command: 'node web.js' }),
    at(10, 'instance.draining', { ...web('a', 4), stopReason: 'restarted', signal: 'SIGTERM' }),
    at(11, 'instance.stopped', { ...web('a', 4), ...end, stopReason: 'restarted' }),
    at(19, 'instance.crashed', { ...web('b', 8), ...end, exitCode: 1, from: 'up' }),
    at(20, 'instance.refused', { ...web('c', 8), reason: 'No room', instanceId: null, hostId: null }),
  ];
  const used = 10 * 4 + 10 * 8;
  assert.equal(cloudletSeconds(events, second(30)), used);
  const kept = events.filter(({ kind }) => usageKinds.includes(kind));
  assert.equal(cloudletSeconds(kept, second(30)), used, 'what is kept for it is enough');
});

test('a running instance counts until now, and an instance of a destroyed app until then', () => {
  const events = [at(0, 'instance.starting', { ...web('a', 2), command: null })];
  assert.equal(cloudletSeconds(events, second(50)), 100);
  const destroyed = [...events, at(10, 'app.destroyed', { name: 'shop' })];
  assert.equal(cloudletSeconds(destroyed, second(50)), 20);
});

test('an instance counts until its host was lost', () => {
  const events = [
    at(0, 'instance.starting', { ...web('a', 2), command: null }),
    at(30, 'instance.lost', { ...web('a', 2), reason: 'Host host-1 has not answered for 60 s' }),
  ];
  assert.equal(cloudletSeconds(events, second(50)), 60);
});

test('a one-off counts until it has ended', () => {
  const run = { ...web('r', 4), process: 'run.1234', type: 'run' };
  const events = [
    at(0, 'run.started', { ...run, command: 'bash' }),
    at(1, 'instance.starting', { ...run, command: null }),
    at(6, 'run.ended', { ...run, ...end }),
  ];
  assert.equal(cloudletSeconds(events, second(50)), 20);
});
