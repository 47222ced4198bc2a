import { sourceLimits } from '../domain/push.ts';

const second = 1000;
const minute = 60 * second;
const mebibyte = 1024 * 1024;

/** Limits of pushes and fetches. Sizes in bytes, times in milliseconds. */
export interface GitLimits {
  readonly packBytes: number;
  readonly entries: number;
  readonly treeBytes: number;
  /** A whole repository on disk, with the push under way. */
  readonly repositoryBytes: number;
  readonly refsPerPush: number;
  /** Options of one push (`git push -o`). */
  readonly pushOptions: number;
  /** All options of one push together. */
  readonly pushOptionBytes: number;
  /** The body of a fetch (its wants and haves), unpacked. */
  readonly fetchRequestBytes: number;
  /** Pushes of one app that are under way, with the waiting ones. */
  readonly pushesPerApp: number;
  /** Requests with a git process, over all apps. One account alone can have two thirds of them. */
  readonly requests: number;
  /** Between two bytes of a request from the client. */
  readonly uploadIdleMs: number;
  /** A slow line may take hours: who sends too slowly is cut before (api/slow-exchanges.ts). */
  readonly uploadMs: number;
  /** From the end of the upload until the hook asks. git unpacks and checks the objects. */
  readonly unpackMs: number;
  /**
   * From the hook's question until the verdict: waiting, build, start. Each of these has a shorter deadline of its own.
   */
  readonly verdictMs: number;
  /** From the verdict until git has moved the refs and ended. */
  readonly finishMs: number;
  /** While the client takes no output. On a slow line the system's buffers empty in steps of some minutes. */
  readonly stallMs: number;
  readonly fetchMs: number;
  /** Between SIGTERM and SIGKILL to a git process group. */
  readonly killGraceMs: number;
  /** One short read of a repository, such as a listing or an object. */
  readonly readMs: number;
}

export const defaultLimits: GitLimits = {
  ...sourceLimits,
  repositoryBytes: 1024 * mebibyte,
  refsPerPush: 100,
  pushOptions: 100,
  pushOptionBytes: 64 * 1024,
  fetchRequestBytes: 8 * mebibyte,
  pushesPerApp: 25,
  requests: 96,
  uploadIdleMs: minute,
  uploadMs: 12 * 60 * minute,
  unpackMs: 5 * minute,
  verdictMs: 120 * minute,
  finishMs: 10 * second,
  stallMs: 15 * minute,
  fetchMs: 12 * 60 * minute,
  killGraceMs: 2 * second,
  readMs: 30 * second,
};

/**
 * Data segment of one git process. An object that unpacks to more ends git, not the host. Node, which runs the hook as
 * a child of git, needs 640 MiB of reserved address space.
 */
export const processDataBytes = 768 * mebibyte;

/** git streams larger blobs instead of holding them in memory. A 500 MB blob in a 0.5 MB push then needs 4.5 MB. */
export const bigFileBytes = 16 * mebibyte;
