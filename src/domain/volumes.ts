import type { Readable } from 'node:stream';
import type { Labels } from './labels.ts';
import type { VolumeCopy } from './volume-copy.ts';

export interface EngineVolumes {
  create(name: string, labels: Labels): Promise<void>;
  list(labels: Labels): Promise<readonly { readonly name: string; readonly labels: Labels }[]>;
  remove(name: string): Promise<void>;
  /**
   * A tar of everything in a volume: owners by number, modes, times, hard and symbolic links, empty folders. Sockets,
   * extended attributes and access lists are left out. The stream ends only when the tar is complete. Otherwise it fails:
   * `conflict` if files changed meanwhile, `forbidden` for files that the user may not read, `not_found`, `unavailable`,
   * `cancelled`. Engine API 1.24, with a container.
   */
  exportTar(copy: VolumeCopy, signal: AbortSignal): Readable;
  /**
   * Unpacks a tar into a volume. Resolves when all of it is there. Throws `invalid_params` for a truncated or damaged tar,
   * `forbidden` for a file of another owner than the user, `no_capacity` on a full disk, and the errors of `exportTar`.
   * Files from before a failure stay in the volume, so use a new volume each time. Engine API 1.24, with a container.
   */
  importTar(copy: VolumeCopy, tar: Readable, signal: AbortSignal): Promise<void>;
}
