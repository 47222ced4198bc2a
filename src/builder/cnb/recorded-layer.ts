import type { Tree } from '../jail/jail.ts';

/** A layer that the engine has, as the next build finds it again. */
export interface RecordedLayer {
  /** Where it lies in the image, and did in the build. */
  readonly tree: Tree;
  readonly fingerprint: string;
  readonly diffId: string;
  readonly sizeBytes: number;
}
