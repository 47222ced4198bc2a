import type { Actor } from './actor.ts';
import type { App } from './app.ts';
import type { Artifact, Build, BuildOutput } from './build.ts';
import type { ConfigVars } from './config-vars.ts';
import type { SourceTree } from './push.ts';

/** Turns a source into an artifact. One build per app at a time; the others wait in the queue, and say so. */
export interface Builder {
  /**
   * Throws `no_app_detected`, `invalid_params` (Procfile), `build_failed`, `too_large`, `cancelled` (signal), `timeout`.
   * An unchanged tree with unchanged builders gives back the artifact it had: no container is started.
   */
  build(request: BuildRequest, output: BuildOutput, signal: AbortSignal): Promise<BuildResult>;
}

export interface BuildRequest {
  readonly app: App;
  readonly pushId: string | null;
  readonly source: SourceTree;
  readonly config: ConfigVars;
  readonly actor: Actor;
  /** Its row, when it is in the queue already. */
  readonly queued?: Build;
}

export interface BuildResult {
  readonly build: Build;
  readonly artifact: Artifact;
  /** True when the artifact was there already. */
  readonly reused: boolean;
}

/** The source of a queued build when nobody holds it any more: of a commit in the app's repository. Null when there is none. */
export type SourceOf = (build: Pick<Build, 'appId' | 'commit'>, signal: AbortSignal) => Promise<SourceTree | null>;

/** The two images that everything of ours is built on and runs on. */
export interface Stack {
  readonly name: string;
  /** `sha256:…` of the images in the engine. */
  readonly buildImageId: string;
  readonly runImageId: string;
}
