import type { Actor } from './actor.ts';

/** A thing that happened, from a closed list. The audit, the log lines and the webhooks all come from it. */
export const eventKinds = [
  'platform.started',
  'platform.stopped',
  'account.created',
  'token.created',
  'token.revoked',
  'app.created',
  'app.renamed',
  'app.maintenance',
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
  'instance.placed',
  'instance.starting',
  'instance.up',
  'instance.draining',
  'instance.stopped',
  'instance.crashed',
  'instance.refused',
  'instance.out_of_memory',
  'instance.disk_full',
  'run.started',
  'run.ended',
] as const;
export type EventKind = (typeof eventKinds)[number];

/**
 * What `data` holds, by kind; lists of names are joined with ", ". Log lines, audit and webhooks are made from these
 * facts alone, so an event must make sense without a look into the store.
 */
export interface EventFacts {
  readonly app: {
    readonly name: string;
    /** Of `app.renamed`. */
    readonly from?: string;
    /** Of `app.maintenance`. */
    readonly on?: boolean;
  };
  /** Names only. */
  readonly config: { readonly set?: string; readonly unset?: string };
  readonly push: { readonly ref: string; readonly commit: string /** Of `push.refused`. */; readonly reason?: string };
  readonly build: { readonly buildId: string /** Of `build.failed`. */; readonly reason?: string };
  readonly release: {
    readonly releaseId: string;
    readonly version: number;
    readonly description: string;
    /** Of `release.failed`. */
    readonly reason?: string;
  };
  readonly formation: {
    /** Of `formation.changed`, as `paas ps:scale` prints it: `web@2:4c, worker@0:4c`. */
    readonly formation?: string;
    /** Of the others: what was asked for, `web.1` or `web`; absent for everything. */
    readonly target?: string;
  };
  readonly domain: { readonly hostname: string };
  /** Also of `run.*`. */
  readonly instance: {
    /** Empty when there was no room to place it. */
    readonly instanceId: string;
    /** `web.1` */
    readonly process: string;
    /** Release version; null for an instance of a service. */
    readonly release: number | null;
    /** Of `instance.starting` and `run.started`: the command line as people see it. */
    readonly command?: string;
    /** Of `instance.placed`, when it waits because those before it crashed: how many in a row, and for how long. */
    readonly failures?: number;
    readonly startsInMs?: number;
    /** Of `instance.stopped`, `instance.crashed` and `run.ended`; null when the engine lost the container. */
    readonly exitCode?: number | null;
    /** Of `instance.draining` and `instance.stopped`: a StopReason. */
    readonly stopReason?: string | null;
    /** Of `instance.crashed`, `instance.refused`, `instance.out_of_memory` and `instance.disk_full`: one sentence with its number. */
    readonly reason?: string | null;
  };
}

/** Immutable. `data` holds names and numbers, never a secret's value. */
export interface PlatformEvent {
  /** Grows from commit to commit. Numbers may be missing. */
  readonly seq: number;
  readonly id: string;
  readonly kind: EventKind;
  readonly at: Date;
  readonly appId: string | null;
  readonly accountId: string;
  readonly actorEmail: string;
  readonly requestId: string | null;
  readonly data: Readonly<Record<string, string | number | boolean | null>>;
}

/** What the store adds to it is its number, its id and its time. */
export type NewEvent = Omit<PlatformEvent, 'seq' | 'id' | 'at'>;

/** An event as it is appended: who, to which app, and the facts of its kind. */
export function eventOf(
  kind: EventKind,
  actor: Actor,
  { appId, data }: { readonly appId: string | null; readonly data: PlatformEvent['data'] },
): NewEvent {
  return { kind, appId, accountId: actor.accountId, actorEmail: actor.email, requestId: actor.requestId ?? null, data };
}
