import type { Actor } from './actor.ts';

/** A received ref update. Stored when it is accepted for deployment, before anything is built. */
export interface Push {
  readonly id: string;
  readonly appId: string;
  readonly ref: string;
  readonly oldCommit: string | null;
  readonly newCommit: string;
  readonly accountId: string;
  readonly createdAt: Date;
}

/** Branches whose push deploys. Compared exactly: a ref never reaches a pattern or a shell. */
export const deployRefs: ReadonlySet<string> = new Set(['refs/heads/main', 'refs/heads/master']);

/**
 * A commit's tree as git-receive can read it, also while the objects are still in quarantine.
 * Every read is bounded; paths come back as they are in the tree, with `/`.
 */
export interface SourceTree {
  readonly commit: string;
  /** The tree's object id: equal for equal content, whoever committed it. */
  readonly treeId: string;
  /** Every blob and link of the tree; refused earlier when there are more than the limit. */
  list(): Promise<readonly SourceEntry[]>;
  /** A regular file's content, or null when there is no regular file at the path. Throws `too_large` over `maxBytes`. */
  readFile(path: string, maxBytes: number): Promise<Buffer | null>;
  /** The tree as an uncompressed tar, ended by an error when it passes the size limit. */
  archive(signal: AbortSignal): Promise<NodeJS.ReadableStream>;
}

export interface SourceEntry {
  readonly path: string;
  /** git's mode: 100644, 100755, 120000 (link), 160000 (submodule, of which there is no content). */
  readonly mode: string;
  readonly objectId: string;
  readonly sizeBytes: number;
}

export const sourceLimits = {
  /** One push as git sends it. */
  packBytes: 256 * 1024 * 1024,
  entries: 100_000,
  /** All blobs of one tree together, unpacked. */
  treeBytes: 1024 * 1024 * 1024,
} as const;

/** What a push holds a lease for, in the words that those who wait behind it are shown. */
export function purposeOf({ newCommit }: Pick<Push, 'newCommit'>): string {
  return `the push of ${newCommit.slice(0, 7)}`;
}

/** What a push asks of the platform, from the door to the deploy. */
export interface PushRequest {
  readonly push: Push;
  readonly source: SourceTree;
  readonly actor: Actor;
}
