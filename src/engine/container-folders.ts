import type { ContainerFolders, EngineContainers } from '../domain/containers.ts';
import type { Labels } from '../domain/labels.ts';
import type { Connection } from './connection.ts';
import { answered } from './docker-errors.ts';
import { labelFilter } from './labels.ts';

/** The parts that we read of `GET /containers/json` and `GET /containers/{id}/json`. */
interface ListedContainer {
  readonly Id: string;
  readonly Labels: Labels | null;
  readonly State: string;
}
interface ContainerDisks {
  /** Absent with containerd's image store. `UpperDir` is the overlay drivers'. */
  readonly GraphDriver?: { readonly Data?: { readonly UpperDir?: string } | null } | null;
  readonly Mounts?: readonly { readonly Type: string; readonly Source: string }[] | null;
}

type Folders = Pick<ContainerFolders, 'upper' | 'volumes'>;

/** A container's folders never change, so each is asked about once. */
export function containerFolders(connection: Connection): EngineContainers['folders'] {
  let known = new Map<string, Folders>();

  return async (labels) => {
    const rows = await connection.request<readonly ListedContainer[]>({
      method: 'GET',
      path: '/containers/json',
      query: { all: true, filters: labelFilter(labels) },
      what: 'list containers',
    });
    const found = await Promise.all(
      rows.map(async (row) => [row, known.get(row.Id) ?? (await foldersOf(connection, row.Id))] as const),
    );
    const present = found.flatMap(([row, folders]) => (folders ? [{ row, folders }] : []));
    known = new Map(present.map(({ row, folders }) => [row.Id, folders]));
    return present.map(({ row, folders }) => ({
      id: row.Id,
      labels: row.Labels ?? {},
      runs: ['running', 'paused', 'restarting'].includes(row.State),
      ...folders,
    }));
  };
}

/** Null if the container is gone. */
async function foldersOf(connection: Connection, id: string): Promise<Folders | null> {
  try {
    const { GraphDriver: driver, Mounts: mounts } = await connection.request<ContainerDisks>({
      method: 'GET',
      path: `/containers/${encodeURIComponent(id)}/json`,
      what: `inspect container ${id}`,
    });
    const volumes = (mounts ?? []).filter(({ Type: type }) => type === 'volume').map(({ Source: source }) => source);
    return { upper: driver?.Data?.UpperDir ?? null, volumes };
  } catch (error) {
    if (answered(error, 404)) return null;
    throw error;
  }
}
