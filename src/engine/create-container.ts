import type { ContainerSpec, EngineContainers } from '../domain/containers.ts';
import { PlatformError } from '../domain/errors.ts';
import type { Connection } from './connection.ts';
import { type InspectedContainer, toContainerState } from './container-state.ts';
import { answered } from './docker-errors.ts';
import type { DockerInfo } from './engine-info.ts';
import { networkJoiner } from './join-network.ts';
import { carries } from './labels.ts';
import type { OpenFilesLimit } from './open-files.ts';
import { containerRequest, startNetworks } from './policy.ts';
import { postContainer } from './post-container.ts';

/** See EngineContainers. Throws `invalid_params` for a spec that the policy refuses, before any call to the engine. */
export function containerCreator(
  connection: Connection,
  info: () => Promise<DockerInfo>,
  openFilesLimit: OpenFilesLimit,
): EngineContainers['create'] {
  const join = networkJoiner(connection);
  const joinOthers = async (spec: ContainerSpec, id: string) => {
    for (const network of startNetworks(spec).slice(1)) await join(network, id);
  };
  return async (spec) => {
    const { id: engineId, apiVersion, cgroupVersion, cpus } = await info();
    const abilities = { apiVersion, cgroupVersion, cpus };
    containerRequest(spec, { ...abilities, openFiles: 1024 });
    await checkVolumes(connection, spec);
    const openFiles = await openFilesLimit.value(engineId, spec, abilities);
    try {
      const id = await postContainer(connection, spec, { ...abilities, openFiles });
      await joinOthers(spec, id);
      return id;
    } catch (error) {
      if (!answered(error, 409)) throw error;
      const existing = await sameContainer(connection, spec);
      if (existing === null) throw error;
      await joinOthers(spec, existing);
      return existing;
    }
  };
}

/** A named volume with driver options can be any path of the host under a harmless name (CVE-2026-44849). */
async function checkVolumes(connection: Connection, spec: ContainerSpec): Promise<void> {
  for (const { name } of spec.volumes ?? []) {
    const volume = await connection.request<{ readonly Driver: string; readonly Options: object | null }>({
      method: 'GET',
      path: `/volumes/${encodeURIComponent(name)}`,
      what: `find volume ${name} for ${spec.name}`,
    });
    if (volume.Driver === 'local' && Object.keys(volume.Options ?? {}).length === 0) continue;
    throw new PlatformError(
      'forbidden',
      `Volume ${name} is not a plain volume of the engine, so ${spec.name} cannot have it.`,
    );
  }
}

async function sameContainer(connection: Connection, spec: ContainerSpec): Promise<string | null> {
  const path = `/containers/${encodeURIComponent(spec.name)}/json`;
  const what = `inspect container ${spec.name}`;
  const existing = toContainerState(await connection.request<InspectedContainer>({ method: 'GET', path, what }));
  return existing.name === spec.name && carries(existing.labels, spec.labels) ? existing.id : null;
}
