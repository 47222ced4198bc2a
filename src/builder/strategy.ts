import type { App } from '../domain/app.ts';
import type { BuilderKind, BuildOutput, ProcessType } from '../domain/build.ts';
import type { Stack } from '../domain/builder.ts';
import type { ConfigVars } from '../domain/config-vars.ts';
import type { Procfile } from '../domain/procfile.ts';
import type { SourceEntry, SourceTree } from '../domain/push.ts';

/** A source as the builder looks at it: listed once, and its Procfile read. */
export interface Source {
  readonly tree: SourceTree;
  readonly entries: readonly SourceEntry[];
  /** Null when the source has none. */
  readonly procfile: Procfile | null;
}

/** One way of turning a source into an image: a Dockerfile, buildpacks. */
export interface BuildStrategy {
  readonly kind: BuilderKind;
  /** Null when this source is nothing for it. Looks at the tree only: nothing is started for it. */
  detect(source: Source): Promise<BuildProposal | null>;
}

export interface BuildProposal {
  readonly kind: BuilderKind;
  /** What a person would say it is: "Node.js", "Dockerfile". */
  readonly name: string;
  /** Said before the build, as a step: what was found. */
  readonly announcement: string;
  /** Whatever decides the result beside tree, stack and settings: digests of buildpacks. Equal ingredients, equal result. */
  readonly ingredients: readonly string[];
  build(request: ImageRequest): Promise<BuiltImage>;
}

/** What one build is to be made of, and who hears of it. */
export interface ImageRequest {
  readonly app: App;
  readonly buildId: string;
  readonly source: Source;
  readonly config: ConfigVars;
  readonly stack: Stack;
  /** The tag that the image gets. */
  readonly tag: string;
  /** Labels that tell whose the image is. */
  readonly labels: Readonly<Record<string, string>>;
  /** Which of the platform's places for builds this one has; nobody else has it meanwhile. */
  readonly slot: number;
  readonly output: BuildOutput;
  readonly signal: AbortSignal;
}

export interface BuiltImage {
  readonly name: string;
  readonly imageId: string;
  readonly processes: readonly ProcessType[];
  readonly launcher: string | null;
  readonly user: string;
  readonly exposedPort: number | null;
}
