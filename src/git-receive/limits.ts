import { sourceLimits } from '../domain/push.ts';

const second = 1000;
const minute = 60 * second;
const mebibyte = 1024 * 1024;

/** What a push or a fetch may cost. Sizes in bytes, times in milliseconds. */
export interface GitLimits {
  readonly packBytes: number;
  readonly entries: number;
  readonly treeBytes: number;
  /** A whole repository on disk, the push that is being judged included. */
  readonly repositoryBytes: number;
  readonly refsPerPush: number;
  /** A request of a fetch, unpacked: its list of wants and haves. */
  readonly fetchRequestBytes: number;
  /** Pushes of one app that are under way, the waiting ones included. */
  readonly pushesPerApp: number;
  /** Requests that hold a git process, over all apps. */
  readonly requests: number;
  /** No byte came from the client for so long while its request is not complete. */
  readonly uploadIdleMs: number;
  readonly uploadMs: number;
  /** From the end of the upload until the hook asks: unpacking and checking the objects. */
  readonly unpackMs: number;
  /** From the hook's question until the verdict: waiting in line, build, start. Each has its own, shorter deadline. */
  readonly verdictMs: number;
  /** From the verdict until git has moved the refs and gone. */
  readonly finishMs: number;
  /** The client took no output for so long. */
  readonly stallMs: number;
  readonly fetchMs: number;
  /** Between the polite and the final signal to a git process group. */
  readonly killGraceMs: number;
  /** One short read of a repository: a listing, an object. */
  readonly readMs: number;
}

export const defaultLimits: GitLimits = {
  ...sourceLimits,
  repositoryBytes: 1024 * mebibyte,
  refsPerPush: 100,
  fetchRequestBytes: 8 * mebibyte,
  pushesPerApp: 25,
  requests: 64,
  uploadIdleMs: minute,
  uploadMs: 30 * minute,
  unpackMs: 5 * minute,
  verdictMs: 120 * minute,
  finishMs: 10 * second,
  stallMs: 2 * minute,
  fetchMs: 30 * minute,
  killGraceMs: 2 * second,
  readMs: 30 * second,
};

/** Data segment of one git process: an object that unpacks to more than this ends git, not the host. Node, which runs the hook below git, needs 640 MiB of reserved address space. */
export const processDataBytes = 768 * mebibyte;

/** Blobs over this size are streamed by git, never held in memory: a 500 MB blob in a 0.5 MB push then costs 4.5 MB. */
export const bigFileBytes = 16 * mebibyte;
