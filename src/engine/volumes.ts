import type { EngineContainers } from '../domain/containers.ts';
import { PlatformError } from '../domain/errors.ts';
import type { Labels } from '../domain/labels.ts';
import type { EngineVolumes } from '../domain/volumes.ts';
import type { Connection } from './connection.ts';
import { ignoring } from './docker-errors.ts';
import { carries, labelFilter } from './labels.ts';
import { exportVolume, importVolume } from './volume-copy.ts';

interface Volume {
  readonly Name: string;
  readonly Labels: Labels | null;
}

export function dockerVolumes(connection: Connection, containers: EngineContainers): EngineVolumes {
  return {
    /** Throws `conflict` if a volume of this name is not the platform's. The engine itself would answer "created". */
    async create(name, labels) {
      const volume = await connection.request<Volume>({
        method: 'POST',
        path: '/volumes/create',
        body: { Name: name, Driver: 'local', Labels: labels },
        what: `create volume ${name}`,
      });
      if (!carries(volume.Labels, labels)) {
        throw new PlatformError('conflict', `There is a volume ${name} already, and it belongs to something else.`);
      }
    },

    async list(labels) {
      const { Volumes: volumes } = await connection.request<{ readonly Volumes: readonly Volume[] | null }>({
        method: 'GET',
        path: '/volumes',
        query: { filters: labelFilter(labels) },
        what: 'list volumes',
      });
      return (volumes ?? []).map((volume) => ({ name: volume.Name, labels: volume.Labels ?? {} }));
    },

    async remove(name) {
      await ignoring([404], () =>
        connection.request({
          method: 'DELETE',
          path: `/volumes/${encodeURIComponent(name)}`,
          what: `remove volume ${name}`,
          deadlineMs: 120_000,
        }),
      );
    },

    exportTar: (copy, signal) => exportVolume(containers, copy, signal),
    importTar: (copy, tar, signal) => importVolume(containers, copy, { tar, signal }),
  };
}
