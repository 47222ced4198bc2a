import type { Engine } from '../domain/engine.ts';
import { labelNames } from '../domain/labels.ts';

/** Room for one container and its gateway. */
const prefixLength = 29;

/**
 * One network per build worker. It leads to the package registries and never holds a second container, so no build can
 * reach another one. Made at the worker's first build and kept, because making one takes as long as a small build.
 */
export function buildNetworks(
  engine: Engine,
  { platformId, pool }: { readonly platformId: string; readonly pool: string },
): (worker: number) => Promise<string> {
  return async (worker) => {
    const network = await engine.networks.create({
      name: `paas-${platformId}-build-${worker + 1}`,
      labels: { [labelNames.platform]: platformId, [labelNames.role]: 'build' },
      pool,
      prefixLength,
    });
    return network.id;
  };
}
