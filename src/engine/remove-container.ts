import type { Connection } from './connection.ts';
import { answered, engineMessage, ignoring } from './docker-errors.ts';

const removeDeadlineMs = 120_000;
/** A container ends once: the second removal finds it ended. The rest is for an engine whose news of that come late. */
const attempts = 5;

/** Ends and removes a container with its unnamed volumes. One that is gone, or that somebody else removes, is done too. */
export async function removeContainer(
  connection: Connection,
  id: string,
  what = `remove container ${id}`,
): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await connection.request({
        method: 'DELETE',
        path: `/containers/${encodeURIComponent(id)}`,
        query: { force: true, v: true },
        what,
        deadlineMs: removeDeadlineMs,
      });
      return;
    } catch (error) {
      if (answered(error, 404)) return;
      if (removedByAnother(error)) return waitUntilGone(connection, id, what);
      if (!endedMeanwhile(error) || attempt === attempts) throw error;
    }
  }
}

/** It is done when it is gone, as if we had removed it. */
function removedByAnother(error: unknown): boolean {
  return answered(error, 409) && /already in progress/i.test(engineMessage(error));
}

/** The engine looked, saw it running, and found nothing to kill: it had ended in between. That is its 500, not a fault. */
function endedMeanwhile(error: unknown): boolean {
  return answered(error, 500) && /is not running/i.test(engineMessage(error));
}

async function waitUntilGone(connection: Connection, id: string, what: string): Promise<void> {
  await ignoring([404], () =>
    connection.request({
      method: 'POST',
      path: `/containers/${encodeURIComponent(id)}/wait`,
      query: { condition: 'removed' },
      what,
      deadlineMs: removeDeadlineMs,
    }),
  );
}
