/** The unit in which capacity is sliced. Both figures are settings; these are the defaults. */
export interface CloudletSize {
  readonly memoryBytes: number;
  readonly cpuMhz: number;
}

export const defaultCloudlet: CloudletSize = { memoryBytes: 128 * 1024 * 1024, cpuMhz: 400 };

/** A number of cloudlets. */
export type Cloudlets = number;

export function cloudletsIn(memoryBytes: number, size: CloudletSize = defaultCloudlet): Cloudlets {
  return Math.floor(memoryBytes / size.memoryBytes);
}
