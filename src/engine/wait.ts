import { json } from 'node:stream/consumers';
import type { ContainerExit } from '../domain/containers.ts';
import { PlatformError } from '../domain/errors.ts';
import type { Connection } from './connection.ts';
import { type InspectedContainer, toContainerState } from './container-state.ts';
import { toPlatformError } from './docker-errors.ts';

/**
 * Resolves when the container has ended. Also waits for a container that was not started yet. The engine's `not-running`
 * would return at once for such a container, and `next-exit` never returns for one that has ended. So `next-exit` is
 * registered first, which the engine's headers confirm, and then the container is inspected.
 */
export async function waitForEnd(connection: Connection, id: string, signal: AbortSignal): Promise<ContainerExit> {
  const what = `wait for container ${id}`;
  const answer = await connection.stream({
    method: 'POST',
    path: `/containers/${encodeURIComponent(id)}/wait`,
    query: { condition: 'next-exit' },
    what,
    signal,
  });
  const body = json(answer) as Promise<{ readonly StatusCode: number; readonly Error?: { readonly Message: string } }>;
  body.catch(() => {});
  try {
    const now = toContainerState(await inspect(connection, id));
    if (now.exitCode !== null) return { exitCode: now.exitCode, oomKilled: now.oomKilled };
    const { StatusCode: exitCode, Error: problem } = await body;
    if (problem) throw new PlatformError('internal', `The engine could not ${what}: ${problem.Message}`);
    return { exitCode, oomKilled: await wasOomKilled(connection, id) };
  } catch (error) {
    throw toPlatformError(error, { what, signal });
  } finally {
    answer.destroy();
  }
}

function inspect(connection: Connection, id: string): Promise<InspectedContainer> {
  return connection.request<InspectedContainer>({
    method: 'GET',
    path: `/containers/${encodeURIComponent(id)}/json`,
    what: `wait for container ${id}`,
  });
}

/** Also false if the container was removed as soon as it ended, because then it cannot be known. */
async function wasOomKilled(connection: Connection, id: string): Promise<boolean> {
  try {
    return (await inspect(connection, id)).State.OOMKilled;
  } catch (error) {
    if (error instanceof PlatformError && error.code === 'not_found') return false;
    throw error;
  }
}
