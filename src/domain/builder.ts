import type { Actor } from './actor.ts';
import type { App } from './app.ts';
import type { Artifact, Build, BuildOutput } from './build.ts';
import type { ConfigVars } from './config-vars.ts';
import type { SourceTree } from './push.ts';

/** Turns a source into an artifact. One build per app at a time, the rest wait in line and say so. */
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
}

export interface BuildResult {
  readonly build: Build;
  readonly artifact: Artifact;
  /** True when the artifact was there already. */
  readonly reused: boolean;
}

/** The two images that everything of ours is built on and runs on. */
export interface Stack {
  readonly name: string;
  /** `sha256:…` of the images in the engine. */
  readonly buildImageId: string;
  readonly runImageId: string;
}
