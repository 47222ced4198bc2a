import type { EventFacts, EventKind, PlatformEvent } from '../../src/domain/event.ts';
import type { Store } from '../../src/domain/store.ts';

/** Facts of an instance. */
export const web1 = {
  instanceId: 'i1',
  process: 'web.1',
  type: 'web',
  release: 12,
  hostId: 'host-1',
  reserved: 1,
  limit: 4,
} as const;
const run = { ...web1, instanceId: 'i2', process: 'run.1234', type: 'run' } as const;
const release = { releaseId: 'r', version: 12, description: 'Deploy 3ab12cf' } as const;
const token = { prefix: 'paas_abc', description: 'npm start', scope: 'global' } as const;
const push = { ref: 'refs/heads/main', commit: '3ab12cf9f8e7d' } as const;
const end = { exitCode: 143, reason: 'Process exited with status 143', stopReason: null } as const;
const build = { buildId: 'b' } as const;

/** Facts of every kind. */
export const exampleFacts: EventFacts = {
  'platform.started': { version: '1.0.0' },
  'platform.stopped': { version: '1.0.0' },
  'platform.backup_failed': { reason: 'The disk is full.' },
  'platform.restored': { backup: '2026-11-29T030000Z.db', newestChange: '2026-11-29T02:59:00.000Z' },
  'account.created': { email: 'me@example.com' },
  'token.created': token,
  'token.revoked': token,
  'app.created': { name: 'shop' },
  'app.renamed': { name: 'shop', from: 'stall' },
  'app.maintenance': { name: 'shop', on: true },
  'app.cache_purged': { name: 'shop' },
  'app.destroyed': { name: 'shop' },
  'config.changed': { set: 'A, B', unset: null },
  'push.received': push,
  'push.refused': { ...push, reason: 'Too large.' },
  'build.queued': build,
  'build.started': build,
  'build.succeeded': build,
  'build.failed': { ...build, reason: 'npm ci failed.' },
  'build.cancelled': { ...build, reason: 'The push was given up.' },
  'release.created': release,
  'release.succeeded': release,
  'release.failed': { ...release, reason: 'web.1 crashed' },
  'formation.changed': { formation: 'web@2:1-4' },
  'formation.restarted': { target: 'web.1' },
  'formation.stopped': { target: null },
  'network.allowed': { network: '10.0.5.0/24' },
  'network.denied': { network: '10.0.5.0/24' },
  'domain.added': { hostname: 'shop.example.com' },
  'domain.removed': { hostname: 'shop.example.com' },
  'name.allowed': { name: 'status', email: 'ada@example.com' },
  'name.disallowed': { name: 'status', email: 'ada@example.com' },
  'name.released': { name: 'shop', email: 'ada@example.com' },
  'instance.placed': { ...web1, failures: 0, startsInMs: 0 },
  'instance.starting': { ...web1, command: 'node web.js' },
  'instance.up': web1,
  'instance.draining': { ...web1, stopReason: 'replaced', signal: 'SIGTERM' },
  'instance.stopped': { ...web1, ...end },
  'instance.crashed': { ...web1, ...end, from: 'up' },
  'instance.lost': { ...web1, reason: 'Host host-1 has not answered for 60 s' },
  'instance.refused': { ...web1, reason: 'No room for 8 cloudlets' },
  'instance.out_of_memory': { ...web1, reason: 'Error R15' },
  'instance.disk_full': { ...web1, reason: 'Wrote 5 GB' },
  'instance.low_memory': { ...web1, reason: 'Host memory was low' },
  'run.started': { ...run, command: 'bash' },
  'run.ended': { ...run, ...end, exitCode: 0, reason: 'Process exited with status 0' },
};

type EventOf<K extends EventKind> = Extract<PlatformEvent, { readonly kind: K }>;

/** The newest thousand events of an app that are of one kind, newest first. */
export async function eventsOf<K extends EventKind>(
  { events }: Pick<Store, 'events'>,
  appId: string,
  kind: K,
): Promise<readonly EventOf<K>[]> {
  const all = await events.list({ appId, limit: 1000 });
  return all.filter((event): event is EventOf<K> => event.kind === kind);
}
