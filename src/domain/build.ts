/** One run of the builder on a source. */
export interface Build {
  readonly id: string;
  readonly appId: string;
  /** Null for a build that no push caused. */
  readonly pushId: string | null;
  readonly commit: string;
  readonly treeId: string;
  readonly state: BuildState;
  /** Why it failed, in one sentence; null otherwise. */
  readonly reason: string | null;
  readonly artifactId: string | null;
  /** The number of its build worker, from 0. No other running build has the same. Null before it begins. */
  readonly worker: number | null;
  readonly createdAt: Date;
  readonly startedAt: Date | null;
  readonly endedAt: Date | null;
}

export const buildStates = ['queued', 'building', 'succeeded', 'failed', 'cancelled'] as const;
export type BuildState = (typeof buildStates)[number];

/** The result of a build: an image by digest, and how its processes are started. Immutable. */
export interface Artifact {
  readonly id: string;
  readonly appId: string;
  /** The engine's own id of the image, `sha256:…`. */
  readonly imageId: string;
  /** The digest of its manifest in a registry, `sha256:…`, by which other hosts pull it. Null while it is in no registry. */
  readonly digest: string | null;
  /** Hash of tree, buildpacks, stack and build-time settings: builds with equal keys give equal artifacts (contracts/buildpacks.md §2.3). */
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
  /**
   * The program in the image that starts every process of an instance and hands them its stop signal (builder/init). Null
   * when the image has none.
   */
  readonly init: string | null;
  /** The TCP ports that a Dockerfile exposes, the lowest first. Web gets a single one as PORT. */
  readonly exposedPorts: readonly number[];
  /** Size of the layers above the stack. The stack is stored once for all apps. */
  readonly sizeBytes: number;
  readonly createdAt: Date;
}

/** The port of web, unless its image exposes exactly one. Instances can share it: each has an address of its own. */
export const defaultWebPort = 5000;

export const builderKinds = ['buildpack', 'dockerfile'] as const;
export type BuilderKind = (typeof builderKinds)[number];

export interface ProcessType {
  readonly type: string;
  /** The command line for display. For a Dockerfile without a Procfile: the image's CMD, joined with spaces. */
  readonly command: string;
  /** The arguments that the container is started with, after `launcher` if there is one. Null: the image's own command. */
  readonly args: readonly string[] | null;
  /** The signal that asks it to end, as a Dockerfile's STOPSIGNAL writes it. Default: SIGTERM. */
  readonly stopSignal?: string;
}

/** Receives a build's output line by line, as it happens: the pusher's terminal, the app's log. */
export interface BuildOutput {
  /** A step: `-----> text`. */
  step(text: string): void;
  /** A detail below a step, indented by seven spaces. May have several lines. */
  detail(text: string): void;
  /** ` !     text`. */
  warn(text: string): void;
}

/** The visible text of a line that was overwritten with carriage returns, as progress bars are. */
export function drawnLine(line: string): string {
  let end = line.length;
  // A regular expression would take quadratic time on a line of carriage returns.
  while (end > 0 && line[end - 1] === '\r') end -= 1;
  return line.slice(line.lastIndexOf('\r', Math.max(end - 1, 0)) + 1, end);
}
