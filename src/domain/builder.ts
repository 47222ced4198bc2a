import type { Actor } from './actor.ts';
import type { App } from './app.ts';
import type { Artifact, Build, BuildOutput } from './build.ts';
import type { ConfigVars } from './config-vars.ts';
import type { SourceTree } from './push.ts';

/** Turns a source into an artifact. One build per app runs at a time. The others wait in the queue and report it. */
export interface Builder {
  /**
   * Throws `no_app_detected`, `invalid_params` (Procfile), `build_failed`, `too_large`, `cancelled` (signal), `timeout`.
   * For an unchanged tree with unchanged builders it returns the existing artifact and starts no container.
   */
  build(request: BuildRequest, output: BuildOutput, signal: AbortSignal): Promise<BuildResult>;
}

export interface BuildRequest {
  readonly app: App;
  readonly pushId: string | null;
  readonly source: SourceTree;
  readonly config: ConfigVars;
  readonly actor: Actor;
  /** Its row, if it is already in the queue. */
  readonly queued?: Build;
}

export interface BuildResult {
  readonly build: Build;
  readonly artifact: Artifact;
  /** True if the artifact existed already. */
  readonly reused: boolean;
}

/** Reads the source of a queued build from the app's repository, after a restart lost the push. Null if the commit is not there. */
export type SourceOf = (build: Pick<Build, 'appId' | 'commit'>, signal: AbortSignal) => Promise<SourceTree | null>;

/** The two images of the platform: builds run on one, instances of buildpack apps on the other. */
export interface Stack {
  readonly name: string;
  /** `sha256:…` of the images in the engine. */
  readonly buildImageId: string;
  readonly runImageId: string;
}
