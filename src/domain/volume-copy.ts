/**
 * How a volume is read or written as a tar: by `tar` in a container that lives for it alone, without a network, with a
 * read-only root, and without a right that its user lacks.
 */
export interface VolumeCopy {
  readonly volume: string;
  /** One with GNU tar in it, such as a stack's. */
  readonly image: string;
  /** `uid:gid`, the owner of what is in the volume: it must be able to read all of it, and can make no file for another. */
  readonly user: string;
  /** Where the image has an empty folder of this user: a volume that was never used takes over its owner and mode. */
  readonly path: string;
  /** Of the container, which goes when the copy is over. What a crash leaves is found by them. */
  readonly labels: Readonly<Record<string, string>>;
}
