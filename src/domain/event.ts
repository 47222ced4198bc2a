import type { Actor, Token } from './actor.ts';
import type { Cloudlets } from './cloudlet.ts';
import { type Instance, processName, type StopReason } from './instance.ts';

/** The closed list of things that happen. Audit, log lines and webhooks all come from events. */
export const eventKinds = [
  'platform.started',
  'platform.stopped',
  'platform.backup_failed',
  'platform.restored',
  'account.created',
  'token.created',
  'token.revoked',
  'app.created',
  'app.renamed',
  'app.maintenance',
  'app.cache_purged',
  'app.destroyed',
  'config.changed',
  'push.received',
  'push.refused',
  'build.queued',
  'build.started',
  'build.succeeded',
  'build.failed',
  'build.cancelled',
  'release.created',
  'release.succeeded',
  'release.failed',
  'formation.changed',
  'formation.restarted',
  'formation.stopped',
  'domain.added',
  'domain.removed',
  'name.allowed',
  'name.disallowed',
  'name.released',
  'network.allowed',
  'network.denied',
  'instance.placed',
  'instance.starting',
  'instance.up',
  'instance.draining',
  'instance.stopped',
  'instance.crashed',
  'instance.lost',
  'instance.refused',
  'instance.out_of_memory',
  'instance.disk_full',
  'instance.low_memory',
  'run.started',
  'run.ended',
] as const;
export type EventKind = (typeof eventKinds)[number];

/** Facts in each event of an instance. Usage is computed from these alone. */
export interface InstanceFacts {
  readonly instanceId: string;
  /** `web.1` */
  readonly process: string;
  /** The process type, `web`. */
  readonly type: string;
  /** The version of the release that it runs. Null for an instance of another workload. */
  readonly release: number | null;
  readonly hostId: string;
  /** Its size. It never changes: a change of size makes another instance. */
  readonly reserved: Cloudlets;
  readonly limit: Cloudlets;
}

interface AppFacts {
  readonly name: string;
}

interface PushFacts {
  readonly ref: string;
  readonly commit: string;
}

interface BuildFacts {
  readonly buildId: string;
}

interface ReleaseFacts {
  readonly releaseId: string;
  readonly version: number;
  readonly description: string;
}

interface NameFacts {
  readonly name: string;
  /** Whom it was promised to. */
  readonly email: string;
}

interface TokenFacts {
  readonly prefix: string;
  readonly description: string;
  readonly scope: Token['scope'];
}

/** One sentence, with its number. */
interface Reason {
  readonly reason: string;
}

/** How a process ended. */
interface EndFacts extends InstanceFacts {
  /** Null when the engine lost the container. */
  readonly exitCode: number | null;
  readonly reason: string | null;
  /** Null if no stop was requested. */
  readonly stopReason: StopReason | null;
}

/** The process that was requested, `web.1` or `web`. Null for all. */
interface TargetFacts {
  readonly target: string | null;
}

/**
 * The contents of `data`, by kind. Lists of names are joined with ", ". Log lines, audit, usage and webhooks use these facts
 * alone, so an event must be complete without a look into the store.
 */
export interface EventFacts {
  readonly 'platform.started': { readonly version: string };
  readonly 'platform.stopped': { readonly version: string };
  readonly 'platform.backup_failed': { readonly reason: string };
  /** The file's name, and the moment of the newest change in it. */
  readonly 'platform.restored': { readonly backup: string; readonly newestChange: string | null };
  readonly 'account.created': { readonly email: string };
  readonly 'token.created': TokenFacts;
  readonly 'token.revoked': TokenFacts;
  readonly 'app.created': AppFacts;
  readonly 'app.renamed': AppFacts & { readonly from: string };
  readonly 'app.maintenance': AppFacts & { readonly on: boolean };
  readonly 'app.cache_purged': AppFacts;
  readonly 'app.destroyed': AppFacts;
  /** Names only; null where there are none. */
  readonly 'config.changed': { readonly set: string | null; readonly unset: string | null };
  readonly 'push.received': PushFacts;
  readonly 'push.refused': PushFacts & Reason;
  readonly 'build.queued': BuildFacts;
  readonly 'build.started': BuildFacts;
  readonly 'build.succeeded': BuildFacts;
  readonly 'build.failed': BuildFacts & Reason;
  readonly 'build.cancelled': BuildFacts & Reason;
  readonly 'release.created': ReleaseFacts;
  readonly 'release.succeeded': ReleaseFacts;
  readonly 'release.failed': ReleaseFacts & Reason;
  /** As `paas ps:scale` prints it: `web@2:1-4, worker@0:4`. */
  readonly 'formation.changed': { readonly formation: string };
  readonly 'formation.restarted': TargetFacts;
  readonly 'formation.stopped': TargetFacts;
  readonly 'domain.added': { readonly hostname: string };
  readonly 'domain.removed': { readonly hostname: string };
  readonly 'name.allowed': NameFacts;
  readonly 'name.disallowed': NameFacts;
  /** A kept name became free before its time. */
  readonly 'name.released': NameFacts;
  readonly 'network.allowed': { readonly network: string };
  readonly 'network.denied': { readonly network: string };
  /** How many instances crashed or were restarted for memory in a row before it, and how long it waits because of that. */
  readonly 'instance.placed': InstanceFacts & { readonly failures: number; readonly startsInMs: number };
  /** The command line for display. Null if the image's own command runs. */
  readonly 'instance.starting': InstanceFacts & { readonly command: string | null };
  readonly 'instance.up': InstanceFacts;
  /** `signal` is the name of the signal that asks it to end. */
  readonly 'instance.draining': InstanceFacts & { readonly stopReason: StopReason | null; readonly signal: string };
  readonly 'instance.stopped': EndFacts;
  readonly 'instance.crashed': EndFacts & { readonly from: 'starting' | 'up' };
  /** Its host is gone. */
  readonly 'instance.lost': InstanceFacts & Reason;
  /** `instanceId` and `hostId` are null if no host had room for it. */
  readonly 'instance.refused': Omit<InstanceFacts, 'instanceId' | 'hostId'> &
    Reason & { readonly instanceId: string | null; readonly hostId: string | null };
  readonly 'instance.out_of_memory': InstanceFacts & Reason;
  readonly 'instance.disk_full': InstanceFacts & Reason;
  /** The memory of its host was low, and it is restarted for that. */
  readonly 'instance.low_memory': InstanceFacts & Reason;
  readonly 'run.started': InstanceFacts & { readonly command: string };
  readonly 'run.ended': EndFacts;
}

/**
 * The cloudlet-seconds of each app are computed from these kinds: an instance counts from `instance.starting` to its end,
 * or to the end of its app. Such events are kept until they have been rolled up.
 */
export const usageKinds: readonly EventKind[] = [
  'instance.starting',
  'instance.stopped',
  'instance.crashed',
  'instance.lost',
  'instance.refused',
  'run.ended',
  'app.destroyed',
];

interface EventHead {
  /** Grows from commit to commit. Numbers may be missing. */
  readonly seq: number;
  readonly id: string;
  readonly at: Date;
  readonly appId: string | null;
  readonly accountId: string;
  readonly actorEmail: string;
  readonly requestId: string | null;
}

type HeadOfNew = Omit<EventHead, 'seq' | 'id' | 'at'>;

/** Immutable. `data` holds the facts of its kind, never a secret's value. */
export type PlatformEvent = {
  readonly [K in EventKind]: EventHead & { readonly kind: K; readonly data: EventFacts[K] };
}[EventKind];

/** An event before the store adds its `seq`, id and time. */
export type NewEvent = {
  readonly [K in EventKind]: HeadOfNew & { readonly kind: K; readonly data: EventFacts[K] };
}[EventKind];

/** Makes an event to append: actor, app, and the facts of its kind. */
export function eventOf<K extends EventKind>(
  kind: K,
  actor: Actor,
  { appId, data }: { readonly appId: string | null; readonly data: EventFacts[K] },
): NewEvent {
  const { accountId, email: actorEmail, requestId = null } = actor;
  // The compiler cannot follow that kind and facts belong together when K is more than one kind.
  return { kind, appId, accountId, actorEmail, requestId, data } as NewEvent;
}

/** The facts of an instance; `release` is the version of the release that it runs. Pure. */
export function instanceFacts(
  instance: Pick<Instance, 'id' | 'type' | 'slot' | 'hostId' | 'size'>,
  release: number | null,
): InstanceFacts {
  const { id, type, hostId, size } = instance;
  return { instanceId: id, process: processName(instance), type, release, hostId, ...size };
}
