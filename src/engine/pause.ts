import { countsAsRunning } from '../domain/containers.ts';
import { PlatformError } from '../domain/errors.ts';
import type { Connection } from './connection.ts';
import { type InspectedContainer, toContainerState } from './container-state.ts';
import { answered } from './docker-errors.ts';

/**
 * The status of a refusal differs by reason and version ("already paused" is a 409, "not paused" a 500). So the container's
 * state decides whether it was done already.
 */
export async function setPaused(connection: Connection, id: string, verb: 'pause' | 'unpause'): Promise<void> {
  const path = `/containers/${encodeURIComponent(id)}`;
  const what = `${verb} container ${id}`;
  try {
    await connection.request({ method: 'POST', path: `${path}/${verb}`, what });
  } catch (error) {
    if (!answered(error, 409, 500)) throw error;
    const state = toContainerState(
      await connection.request<InspectedContainer>({ method: 'GET', path: `${path}/json`, what }),
    );
    if (state.status === (verb === 'pause' ? 'paused' : 'running')) return;
    if (countsAsRunning(state)) throw error;
    throw new PlatformError('conflict', `The engine could not ${what}: it does not run.`, { cause: error });
  }
}
