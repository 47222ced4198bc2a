import type { App } from './app.ts';

/**
 * The kernel counts inotify instances, pending signals, message queues, pipe pages and keys per user, for all containers of a
 * host. So each app has two users that nobody else has: one for its instances, one for its builds.
 */
export const uidsPerApp = 2;

/**
 * The first app's uid, if no setting says another. Above the ranges of system users, accounts and the usual /etc/subuid, and
 * low enough for the seven octal digits of a tar header.
 */
export const defaultFirstUid = 1_000_000;

type Uid = Pick<App, 'uid'>;

/** Of the app's own files in its image. */
export function appOwner({ uid }: Uid): { readonly uid: number; readonly gid: number } {
  return { uid, gid: uid };
}

/** `uid:gid` of the processes of an app's instances. */
export function appUser({ uid }: Uid): string {
  return `${uid}:${uid}`;
}

/** `uid:gid` of the steps of an app's builds. They share no limit with its running instances. */
export function buildUser({ uid }: Uid): string {
  return `${uid + 1}:${uid + 1}`;
}
