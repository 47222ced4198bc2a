/** One run of the builder on a source. */
export interface Build {
  readonly id: string;
  readonly appId: string;
  /** Null for a build that no push caused (a tarball through the API, later). */
  readonly pushId: string | null;
  readonly commit: string;
  readonly treeId: string;
  readonly state: BuildState;
  /** Why it failed, in one sentence; null otherwise. */
  readonly reason: string | null;
  readonly artifactId: string | null;
  /** Where it builds, from 0: no other build has the slot meanwhile. Null before it begins. */
  readonly slot: number | null;
  readonly createdAt: Date;
  readonly startedAt: Date | null;
  readonly endedAt: Date | null;
}

export const buildStates = ['queued', 'building', 'succeeded', 'failed', 'cancelled'] as const;
export type BuildState = (typeof buildStates)[number];

/** What a build made: an image by digest, and how its processes are started. Immutable. */
export interface Artifact {
  readonly id: string;
  readonly appId: string;
  /** The engine's own id of the image, `sha256:…`. */
  readonly imageId: string;
  /** Of its manifest in a registry, by which other hosts get it: `sha256:…`. Null while it is in none. */
  readonly digest: string | null;
  /** Equal key, equal artifact: tree, buildpacks, stack, build-time settings (contracts/buildpacks.md §2.3). */
  readonly cacheKey: string;
  readonly builder: BuilderKind;
  /** Shown to people: "Node.js", "Dockerfile". */
  readonly builderName: string;
  readonly processes: readonly ProcessType[];
  /**
   * The program in the image that prepares the environment and starts a process: `[launcher, type]` starts a process
   * type, `[launcher, '--', …argv]` any command. Null when the image's own entrypoint is used (Dockerfile).
   */
  readonly launcher: string | null;
  /** `uid:gid` that instances run as. Never root. */
  readonly user: string;
  /** The one port that a Dockerfile exposes; null otherwise. Given to web as PORT. */
  readonly exposedPort: number | null;
  /** Of what is the app's own: the stack below it is stored once for all. */
  readonly sizeBytes: number;
  readonly createdAt: Date;
}

export const builderKinds = ['buildpack', 'dockerfile'] as const;
export type BuilderKind = (typeof builderKinds)[number];

export interface ProcessType {
  readonly type: string;
  /** The command line as people see it. For a Dockerfile without a Procfile: the image's own CMD, joined for display. */
  readonly command: string;
  /** What the container is started with, after `launcher` when there is one; null: the image's own CMD. */
  readonly args: readonly string[] | null;
}

/** Where a build's output goes, line by line, as it happens: the pusher's terminal, the app's log. */
export interface BuildOutput {
  /** A step: `-----> text`. */
  step(text: string): void;
  /** A detail below a step: seven spaces. May hold several lines. */
  detail(text: string): void;
  /** ` !     text`. */
  warn(text: string): void;
}

/** What one sees in the end of a line that was drawn over itself, as progress bars are. */
export function drawnLine(line: string): string {
  let end = line.length;
  // Not by a pattern: a line of carriage returns would take its length squared.
  while (end > 0 && line[end - 1] === '\r') end -= 1;
  return line.slice(line.lastIndexOf('\r', Math.max(end - 1, 0)) + 1, end);
}
