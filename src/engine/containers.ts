import type { ContainerExit, ContainerState, EngineContainers } from '../domain/containers.ts';
import type { Labels } from '../domain/labels.ts';
import { attach } from './attach.ts';
import type { Connection } from './connection.ts';
import { containerFolders } from './container-folders.ts';
import { type InspectedContainer, toContainerState } from './container-state.ts';
import { containerStats } from './container-stats.ts';
import { containerCreator } from './create-container.ts';
import { answered, ignoring } from './docker-errors.ts';
import type { DockerInfo } from './engine-info.ts';
import { startExec } from './exec.ts';
import { labelFilter } from './labels.ts';
import { containerLogs } from './logs.ts';
import { OpenFilesLimit, refusedOpenFiles } from './open-files.ts';
import { setPaused } from './pause.ts';
import { removeContainer } from './remove-container.ts';
import { runInside } from './run-inside.ts';
import { updateContainer } from './update-container.ts';
import { waitForEnd } from './wait.ts';

const startDeadlineMs = 120_000;
const killDeadlineMs = 30_000;
const measureDeadlineMs = 60_000;
/** How long the engine may take to end a container after SIGKILL, in addition to the grace. */
const killMarginMs = 60_000;

export function dockerContainers(
  connection: Connection,
  {
    info,
    cacheDir,
    onLimits,
  }: {
    readonly info: () => Promise<DockerInfo>;
    readonly cacheDir: string | null;
    readonly onLimits: (containerId: string) => Promise<unknown>;
  },
): EngineContainers {
  const openFiles = new OpenFilesLimit(connection, cacheDir);

  return {
    create: containerCreator(connection, info, openFiles),

    async start(id) {
      try {
        await connection.request({
          method: 'POST',
          path: `/containers/${encodeURIComponent(id)}/start`,
          what: `start container ${id}`,
          deadlineMs: startDeadlineMs,
        });
        await onLimits(id);
      } catch (error) {
        if (answered(error, 304)) return;
        if (refusedOpenFiles(error)) await openFiles.forget();
        throw error;
      }
    },

    async stop(id, graceMs) {
      // The engine counts in whole seconds, so its own kill would be up to 1 s late.
      const seconds = Math.ceil(graceMs / 1000);
      const stopping = ignoring([304, 404], () =>
        connection.request({
          method: 'POST',
          path: `/containers/${encodeURIComponent(id)}/stop`,
          query: { t: seconds },
          what: `stop container ${id}`,
          deadlineMs: graceMs + killMarginMs,
        }),
      );
      if (seconds * 1000 === graceMs) return stopping;
      let killing = Promise.resolve();
      const timer = setTimeout(() => {
        killing = kill(connection, id, 'SIGKILL');
        killing.catch(() => {});
      }, graceMs);
      try {
        await stopping;
      } finally {
        clearTimeout(timer);
      }
      await killing;
    },

    kill: (id, signal) => kill(connection, id, signal),
    pause: (id) => setPaused(connection, id, 'pause'),
    unpause: (id) => setPaused(connection, id, 'unpause'),
    async update(id, limits) {
      await updateContainer(connection, id, { limits, info: await info() });
      await onLimits(id);
    },

    remove: (id) => removeContainer(connection, id),

    async inspect(id) {
      return (await inspectOrNull(connection, id, toContainerState)) ?? null;
    },

    async list(labels) {
      return listContainers(connection, labels);
    },

    folders: containerFolders(connection),
    diskUsage: (labels, signal) => diskUsage(connection, labels, signal),
    stats: async (ids, signal) => containerStats(connection, ids, { info: await info(), signal }),

    wait: (id, signal): Promise<ContainerExit> => waitForEnd(connection, id, signal),
    attach: (id, signal) => attach(connection, id, signal),
    exec: (id, request, signal) => startExec(connection, id, { request, signal }),
    runInside: (id, request, signal) => runInside(connection, id, { ...request, signal }),

    async resize(id, { columns, rows }) {
      await connection.request({
        method: 'POST',
        path: `/containers/${encodeURIComponent(id)}/resize`,
        query: { h: rows, w: columns },
        what: `resize the terminal of container ${id}`,
      });
    },

    logs: (id, options, signal) => containerLogs(connection, id, options, signal),
  };
}

/** Null when there is no such container. */
async function inspectOrNull<T>(
  connection: Connection,
  id: string,
  read: (container: InspectedContainer) => T,
): Promise<T | null> {
  try {
    const container = await connection.request<InspectedContainer>({
      method: 'GET',
      path: `/containers/${encodeURIComponent(id)}/json`,
      what: `inspect container ${id}`,
    });
    return read(container);
  } catch (error) {
    if (answered(error, 404)) return null;
    throw error;
  }
}

/** Rows of the list have no exit code and no times, so each container is inspected. Those removed meanwhile are left out. */
async function listContainers(connection: Connection, labels: Labels): Promise<readonly ContainerState[]> {
  const rows = await connection.request<readonly { readonly Id: string }[]>({
    method: 'GET',
    path: '/containers/json',
    query: { all: true, filters: labelFilter(labels) },
    what: 'list containers',
  });
  const states = await Promise.all(rows.map((row) => inspectOrNull(connection, row.Id, toContainerState)));
  return states.filter((state) => state !== null);
}

async function diskUsage(
  connection: Connection,
  labels: Labels,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, number>> {
  const rows = await connection.request<readonly { readonly Id: string; readonly SizeRw?: number }[]>({
    method: 'GET',
    path: '/containers/json',
    query: { all: true, size: true, filters: labelFilter(labels) },
    what: 'measure the disks of containers',
    deadlineMs: measureDeadlineMs,
    signal,
  });
  return new Map(rows.map(({ Id, SizeRw = 0 }) => [Id, SizeRw]));
}

function kill(connection: Connection, id: string, signal: string): Promise<void> {
  // 409: it does not run, or no longer runs.
  return ignoring([404, 409], () =>
    connection.request({
      method: 'POST',
      path: `/containers/${encodeURIComponent(id)}/kill`,
      query: { signal },
      what: `kill container ${id}`,
      deadlineMs: killDeadlineMs,
    }),
  );
}
