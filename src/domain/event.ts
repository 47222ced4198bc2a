/** A thing that happened, from a closed list. The audit, the log lines and the webhooks all come from it. */
export const eventKinds = [
  'platform.started',
  'platform.stopped',
  'account.created',
  'token.created',
  'token.revoked',
  'app.created',
  'app.renamed',
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
  'domain.added',
  'domain.removed',
  'instance.placed',
  'instance.starting',
  'instance.up',
  'instance.draining',
  'instance.stopped',
  'instance.crashed',
  'instance.refused',
  'run.started',
  'run.ended',
] as const;
export type EventKind = (typeof eventKinds)[number];

/** Immutable. `data` holds names and numbers, never a secret's value. */
export interface PlatformEvent {
  readonly id: string;
  readonly kind: EventKind;
  readonly at: Date;
  readonly appId: string | null;
  readonly accountId: string;
  readonly actorEmail: string;
  readonly requestId: string | null;
  readonly data: Readonly<Record<string, string | number | boolean | null>>;
}
