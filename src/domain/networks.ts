import type { ContainerNetwork } from './containers.ts';
import type { Labels } from './labels.ts';

export interface NetworkState {
  readonly id: string;
  readonly name: string;
  readonly labels: Labels;
  readonly subnet: string | null;
  readonly gateway: string | null;
}

export interface EngineNetworks {
  /** Makes a bridge network with a free subnet of `prefixLength` from `pool`. No network or route of the host overlaps it. */
  create(network: {
    readonly name: string;
    readonly labels: Labels;
    readonly pool: string;
    readonly prefixLength: number;
  }): Promise<NetworkState>;
  list(labels: Labels): Promise<readonly NetworkState[]>;
  inspect(id: string): Promise<NetworkState | null>;
  /** Adds a container to a network, running or not. Throws `not_found` if either is gone. */
  join(network: Pick<ContainerNetwork, 'id' | 'aliases'>, containerId: string): Promise<void>;
  remove(id: string): Promise<void>;
}
