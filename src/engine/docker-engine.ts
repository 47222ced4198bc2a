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
const nothing = async () => undefined;

export interface DockerEngineOptions {
  /** `unix:///var/run/docker.sock` or `tcp://host:port`. */
  readonly dockerHost: string;
  /**
   * A folder for facts about the engine that take seconds to find out (blobs of images, its limit of open files). It is a
   * cache and may be emptied at any time. Without it they are found out once per process.
   */
  readonly cacheDir?: string;
  /** Destinations of the host's routes, which no new network may overlap. Default: none. */
  readonly hostRoutes?: () => Promise<readonly Block[]>;
  /** Called after each start of a container and each change of its limits, with its id. It must not throw. */
  readonly onLimits?: (containerId: string) => Promise<unknown>;
}

/** The Engine port over one Docker engine, 20.10 or newer. Connects at the first call. Throws `invalid_params` for a wrong address. */
export function createDockerEngine({
  dockerHost,
  cacheDir,
  hostRoutes = noRoutes,
  onLimits = nothing,
}: DockerEngineOptions): Engine {
  const connection = connect(dockerHost);
  const cache = cacheDir ?? null;

  // Asked again once per minute, because the engine may be replaced by a newer one while containers and platform run on.
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

  const containers = dockerContainers(connection, { info: abilities, cacheDir: cache, onLimits });
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
