import type { Answer } from './client.ts';

type Capacity = Answer<'GET /platform/capacity'>;

/** `41 MB`; `-` for an unknown number of bytes. */
export function megabytes(bytes: number | null): string {
  return bytes === null ? '-' : `${Math.round(bytes / 2 ** 20)} MB`;
}

/** `40 of 253 cloudlets promised, 12 kept for deploys; memory: 3.1 of 23.4 GB used, 20.3 GB free` */
export function hostCapacity(capacity: Capacity): string {
  const { cloudlets_promised, cloudlets_promisable, cloudlets_kept, memory_total_bytes, memory_free_bytes } = capacity;
  const gb = (bytes: number) => (bytes / 2 ** 30).toFixed(1);
  const memory =
    memory_total_bytes === null || memory_free_bytes === null
      ? '-'
      : `${gb(memory_total_bytes - memory_free_bytes)} of ${gb(memory_total_bytes)} GB used, ${gb(memory_free_bytes)} GB free`;
  return `${cloudlets_promised} of ${cloudlets_promisable} cloudlets promised, ${cloudlets_kept} kept for deploys; memory: ${memory}`;
}
