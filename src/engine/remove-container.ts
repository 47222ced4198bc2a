import type { Connection } from './connection.ts';
import { answered, engineMessage, ignoring } from './docker-errors.ts';

const removeDeadlineMs = 120_000;
/** A container ends once, so the second attempt finds it ended. More attempts are for an engine that notices the end late. */
const attempts = 5;

/** Ends and removes a container with its unnamed volumes. Succeeds also if it is gone or another caller removes it. */
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

/** Another removal is under way: wait until it has finished. */
function removedByAnother(error: unknown): boolean {
  return answered(error, 409) && /already in progress/i.test(engineMessage(error));
}

/** The container ended between the engine's look and its kill. The engine answers 500 for that; it is no fault. */
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
