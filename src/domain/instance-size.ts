import { type CloudletSize, type Cloudlets, defaultCloudlet } from './cloudlet.ts';
import { PlatformError } from './errors.ts';

/** What an instance is promised, and what it may take while the host has it free. */
export interface InstanceSize {
  /** The host keeps these for it: hosts are filled by them, and low memory never ends an instance within them. */
  readonly reserved: Cloudlets;
  /** Never less than `reserved`. The container's limits follow from it. */
  readonly limit: Cloudlets;
}

export const defaultInstanceSize: InstanceSize = { reserved: 1, limit: 4 };
export const maxInstanceCloudlets: Cloudlets = 512;

/** A size that is reserved whole. */
export function fixedSize(cloudlets: Cloudlets): InstanceSize {
  return { reserved: cloudlets, limit: cloudlets };
}

export function isSameSize(one: InstanceSize, other: InstanceSize): boolean {
  return one.reserved === other.reserved && one.limit === other.limit;
}

/** `1-4`, or `4` for a size that is reserved whole. `parseSize` reads it. */
export function sizeText({ reserved, limit }: InstanceSize): string {
  return reserved === limit ? `${limit}` : `${reserved}-${limit}`;
}

/** Throws `invalid_params` for a size that no instance can have. */
export function checkSize(size: InstanceSize): void {
  const { reserved, limit } = size;
  const isNumber = [reserved, limit].every((one) => Number.isInteger(one) && one >= 1 && one <= maxInstanceCloudlets);
  if (!isNumber) throw noSize(`${reserved}-${limit}`);
  if (reserved > limit) {
    throw new PlatformError(
      'invalid_params',
      `${sizeText(size)} is not an instance size: ${reserved} reserved cloudlets are more than its limit of ${limit}.`,
      { hint: `The smaller number comes first: ${limit}-${reserved}` },
    );
  }
}

/**
 * Parses a size as a person writes it. One amount ("4", "4c", "512M", "1G") is reserved whole; two ("1-8", "128M-1G") are
 * what is reserved and the limit. Memory is rounded up to whole cloudlets. Throws `invalid_params`.
 */
export function parseSize(input: string, cloudlet: CloudletSize = defaultCloudlet): InstanceSize {
  const amounts = input.trim().split('-');
  const [first, last = first] = amounts.map((amount) => cloudletsOf(amount, cloudlet));
  if (amounts.length > 2 || !first || !last) throw noSize(input);
  const size = { reserved: first, limit: last };
  if (last > maxInstanceCloudlets) throw noSize(input);
  checkSize(size);
  return size;
}

/** Null for what is no amount. */
function cloudletsOf(amount: string, cloudlet: CloudletSize): Cloudlets | null {
  const match = /^(\d{1,6})(c|M|G)?$/i.exec(amount);
  if (!match) return null;
  const unit = match[2]?.toUpperCase() ?? 'C';
  if (unit === 'C') return Number(match[1]);
  const megabytes = Number(match[1]) * (unit === 'G' ? 1024 : 1);
  return Math.ceil((megabytes * 1024 * 1024) / cloudlet.memoryBytes);
}

function noSize(input: string): PlatformError {
  return new PlatformError(
    'invalid_params',
    `${JSON.stringify(input.slice(0, 32))} is not an instance size: 1 to ${maxInstanceCloudlets} cloudlets (4), memory (512M, 1G), or what is reserved and the limit (1-4, 128M-1G).`,
    { hint: 'For example: paas ps:scale web=2:1-8' },
  );
}
