import type { ContainerLimits } from '../domain/containers.ts';
import { PlatformError } from '../domain/errors.ts';
import type { Connection } from './connection.ts';
import { containerStats } from './container-stats.ts';
import { answered, engineMessage } from './docker-errors.ts';
import type { DockerInfo } from './engine-info.ts';
import { limitsRequest } from './policy.ts';

const updateDeadlineMs = 30_000;

/**
 * With cgroup v1 the kernel refuses a memory limit that it cannot reach by dropping cache. With v2 it accepts any limit and
 * kills processes until the limit is reached. So with v2 the container's use is compared first. If the container takes more
 * memory between the comparison and the change, the kernel may still kill it.
 */
export async function updateContainer(
  connection: Connection,
  id: string,
  { limits, info }: { readonly limits: ContainerLimits; readonly info: DockerInfo },
): Promise<void> {
  const body = limitsRequest(limits, info);
  const what = `change the limits of container ${id}`;
  const { memoryBytes } = limits;
  if (memoryBytes !== undefined && info.cgroupVersion === 2) {
    const usedBytes = await memoryUse(connection, id, info);
    if (usedBytes !== null && usedBytes > memoryBytes) throw belowUse(id, memoryBytes, usedBytes);
  }
  try {
    await connection.request({
      method: 'POST',
      path: `/containers/${encodeURIComponent(id)}/update`,
      body,
      what,
      deadlineMs: updateDeadlineMs,
    });
  } catch (error) {
    if (memoryBytes === undefined || !refusedMemory(error)) throw error;
    throw belowUse(id, memoryBytes, await memoryUse(connection, id, info), error);
  }
}

async function memoryUse(connection: Connection, id: string, info: DockerInfo): Promise<number | null> {
  const stats = await containerStats(connection, [id], { info, signal: AbortSignal.timeout(updateDeadlineMs) });
  return stats.get(id)?.memory.usedBytes ?? null;
}

/** The kernel's EBUSY, in runc's message. */
function refusedMemory(error: unknown): boolean {
  return answered(error, 409, 500) && /device or resource busy|unable to set memory limit/i.test(engineMessage(error));
}

function belowUse(id: string, limitBytes: number, usedBytes: number | null, cause?: unknown): PlatformError {
  const uses = usedBytes === null ? 'more' : `${mebibytes(usedBytes)} MiB`;
  return new PlatformError(
    'conflict',
    `Container ${id} uses ${uses} of memory: ${mebibytes(limitBytes)} MiB would be too little.`,
    { hint: 'Restart it with the smaller size, or choose a larger one.', cause },
  );
}

function mebibytes(bytes: number): string {
  return (bytes / 1024 / 1024).toFixed(1);
}
