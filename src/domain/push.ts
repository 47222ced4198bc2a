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
 * A commit's tree. It can be read while the objects are still in quarantine. Every read is bounded. Paths are those of the
 * tree, with `/`, as `nameOf` makes them.
 */
export interface SourceTree {
  readonly commit: string;
  /** The tree's object id. Equal contents have equal ids, in any commit. */
  readonly treeId: string;
  /** Every blob and link of the tree. A tree with more than the limit was refused earlier. */
  list(): Promise<readonly SourceEntry[]>;
  /** A regular file's content, or null if the path has no regular file. Throws `too_large` above `maxBytes`. */
  readFile(path: string, maxBytes: number): Promise<Buffer | null>;
  /** The target of a link, as `nameOf` makes it, or null if the path has no link. */
  readLink(path: string): Promise<string | null>;
  /** The tree as an uncompressed tar. Fails if it exceeds the size limit. */
  archive(signal: AbortSignal): Promise<NodeJS.ReadableStream>;
}

export interface SourceEntry {
  readonly path: string;
  /** git's mode: 100644, 100755, 120000 (link), 160000 (submodule, whose content is not there). */
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

/** The purpose of a push's lease, as shown to those who wait behind it. */
export function purposeOf({ newCommit }: Pick<Push, 'newCommit'>): string {
  return `the push of ${newCommit.slice(0, 7)}`;
}

/** A push, as the door hands it to the deploy. */
export interface PushRequest {
  readonly push: Push;
  readonly source: SourceTree;
  readonly actor: Actor;
}
