/**
 * How a volume is read or written as a tar: by `tar` in a container made for the copy, without a network, with a read-only
 * root, and with no more rights than its user has.
 */
export interface VolumeCopy {
  readonly volume: string;
  /** An image with GNU tar, such as a stack. */
  readonly image: string;
  /** `uid:gid` of the owner of the volume's files. It must be able to read all of them, and cannot make files of other owners. */
  readonly user: string;
  /** The mount point: an empty folder of this user in the image. A volume that was never used takes over its owner and mode. */
  readonly path: string;
  /** Labels of the container. It is removed after the copy; leftovers of a crash are found by these labels. */
  readonly labels: Readonly<Record<string, string>>;
}
