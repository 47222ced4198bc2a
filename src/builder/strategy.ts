import type { App } from '../domain/app.ts';
import type { BuilderKind, BuildOutput, ProcessType } from '../domain/build.ts';
import type { Stack } from '../domain/builder.ts';
import type { ConfigVars } from '../domain/config-vars.ts';
import type { SourceEntry, SourceTree } from '../domain/push.ts';
import type { BuilderChoice, ChoiceFacts } from './builder-choice.ts';
import type { ControlFiles } from './control-files.ts';

/** A source with its list of files and the files that decide how it is built, which are read only once. */
export interface Source extends ChoiceFacts {
  readonly tree: SourceTree;
  readonly entries: readonly SourceEntry[];
  readonly files: ControlFiles;
}

/** One way of turning a source into an image: a Dockerfile, buildpacks. */
export interface BuildStrategy {
  readonly kind: BuilderKind;
  /** Null when it is not the one to build this source. Only looks at the tree and starts nothing. */
  detect(source: Source, choice: BuilderChoice | null): Promise<BuildProposal | null>;
}

export interface BuildProposal {
  readonly kind: BuilderKind;
  /** Shown to people: "Node.js", "Dockerfile". */
  readonly name: string;
  /** Printed before the build, as a step: what was found. */
  readonly announcement: string;
  /** What decides the result besides tree, stack and settings, such as digests of buildpacks. Equal ingredients, equal result. */
  readonly ingredients: readonly string[];
  build(request: ImageRequest): Promise<BuiltImage>;
}

/** The inputs of one build of an image, and its output and signal. */
export interface ImageRequest {
  readonly app: App;
  readonly buildId: string;
  /** True until a build has succeeded since the app's cache was purged. */
  readonly afterPurge: boolean;
  readonly source: Source;
  readonly config: ConfigVars;
  readonly stack: Stack;
  /** The tag that the image gets. */
  readonly tag: string;
  /** The labels that the image gets. */
  readonly labels: Readonly<Record<string, string>>;
  /** The number of the build worker, from 0. No other running build has the same. */
  readonly worker: number;
  readonly output: BuildOutput;
  readonly signal: AbortSignal;
}

export interface BuiltImage {
  readonly name: string;
  readonly imageId: string;
  readonly processes: readonly ProcessType[];
  readonly launcher: string | null;
  readonly user: string;
  readonly init: string | null;
  readonly exposedPorts: readonly number[];
}
