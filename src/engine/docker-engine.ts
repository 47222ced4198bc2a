import type { Engine } from '../domain/engine.ts';
import type { Block } from '../domain/subnets.ts';
import { connect } from './connection.ts';
import { dockerContainers } from './containers.ts';
import { type DockerInfo, readInfo } from './engine-info.ts';
import { engineEvents } from './events.ts';
import { dockerImages } from './images.ts';
import { dockerNetworks } from './networks.ts';
import { dockerVolumes } from './volumes.ts';

const infoLifetimeMs = 60_000;
const noRoutes = async () => [];

export interface DockerEngineOptions {
  /** `unix:///var/run/docker.sock` or `tcp://host:port`. */
  readonly dockerHost: string;
  /**
   * Where facts about the engine are kept that cost seconds to find out (blobs of images, its limit of open files). A
   * cache: may be emptied at any time. Without it they are found out once per process.
   */
  readonly cacheDir?: string;
  /** What the host has routes to beside the engine's networks: no network is made there. Default: nothing. */
  readonly hostRoutes?: () => Promise<readonly Block[]>;
}

/** The Engine port over one Docker engine, 20.10 or newer. Connects at the first call. Throws `invalid_params` for a wrong address. */
export function createDockerEngine({ dockerHost, cacheDir, hostRoutes = noRoutes }: DockerEngineOptions): Engine {
  const connection = connect(dockerHost);
  const cache = cacheDir ?? null;

  // Asked again once a minute: an engine may be replaced by a newer one while containers and platform go on.
  let known: { readonly info: Promise<DockerInfo>; readonly until: number } | null = null;
  const abilities = (): Promise<DockerInfo> => {
    if (known === null || performance.now() > known.until) {
      const asked = { info: readInfo(connection), until: performance.now() + infoLifetimeMs };
      known = asked;
      asked.info.catch(() => {
        if (known === asked) known = null;
      });
    }
    return known.info;
  };

  const containers = dockerContainers(connection, abilities, cache);
  return {
    async info() {
      const { id, cgroupVersion, cgroupDriver, dataRoot, ...info } = await readInfo(connection);
      return info;
    },
    containers,
    images: dockerImages(connection, abilities, cache),
    networks: dockerNetworks(connection, hostRoutes),
    volumes: dockerVolumes(connection, containers),
    events: (labels, signal) => engineEvents(connection, labels, signal),
  };
}
