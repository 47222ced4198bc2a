import type { Tree } from '../jail/frames.ts';

/** A layer in the engine, with what the next build needs to recognise it. */
export interface RecordedLayer {
  /** Its path, the same in the image and in the build. */
  readonly tree: Tree;
  readonly fingerprint: string;
  readonly diffId: string;
  readonly sizeBytes: number;
}
