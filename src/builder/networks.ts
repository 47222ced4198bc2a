import { type Engine, labelNames } from '../domain/engine.ts';

/** Room for one container and its gateway. */
const prefixLength = 29;

/**
 * A network per place to build in: with a way out to the package registries, and never with anybody else in it, so no
 * build can reach another one. Made at the first build and kept: making one costs as long as a small build.
 */
export function buildNetworks(
  engine: Engine,
  { platformId, pool }: { readonly platformId: string; readonly pool: string },
): (slot: number) => Promise<string> {
  return async (slot) => {
    const network = await engine.networks.create({
      name: `paas-${platformId}-build-${slot + 1}`,
      labels: { [labelNames.platform]: platformId, [labelNames.role]: 'build' },
      pool,
      prefixLength,
    });
    return network.id;
  };
}
