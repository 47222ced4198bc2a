import { PlatformError } from './errors.ts';

/** The unit in which capacity is sliced. Both figures are settings; these are the defaults. */
export interface CloudletSize {
  readonly memoryBytes: number;
  readonly cpuMhz: number;
}

export const defaultCloudlet: CloudletSize = { memoryBytes: 128 * 1024 * 1024, cpuMhz: 400 };

/** An instance's size in cloudlets; its limits follow from it. */
export type Cloudlets = number;

export const defaultInstanceCloudlets: Cloudlets = 4;
export const maxInstanceCloudlets: Cloudlets = 512;

export function cloudletsIn(memoryBytes: number, size: CloudletSize = defaultCloudlet): Cloudlets {
  return Math.floor(memoryBytes / size.memoryBytes);
}

/** Parses a size as a person writes it: "4", "4c", "512M" or "1G". Throws `invalid_params`. */
export function parseSize(input: string, size: CloudletSize = defaultCloudlet): Cloudlets {
  const match = /^(\d{1,6})(c|M|G)?$/i.exec(input.trim());
  const amount = Number(match?.[1]);
  const unit = match?.[2]?.toUpperCase() ?? 'C';
  const megabyte = 1024 * 1024;
  const cloudlets =
    unit === 'C' ? amount : Math.ceil((amount * (unit === 'G' ? 1024 : 1) * megabyte) / size.memoryBytes);
  if (!match || cloudlets < 1 || cloudlets > maxInstanceCloudlets) {
    throw new PlatformError(
      'invalid_params',
      `${JSON.stringify(input.slice(0, 32))} is not an instance size: 1 to ${maxInstanceCloudlets} cloudlets, or memory such as 512M or 1G.`,
      { hint: 'For example: paas ps:scale web=2:512M' },
    );
  }
  return cloudlets;
}
