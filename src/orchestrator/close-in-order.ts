import type { Clock } from '../system/clock.ts';
import type { Logger } from '../system/logger.ts';

/** What is to be closed, by its name for the log, and how long it may take. */
export type ClosingStep = readonly [name: string, close: () => Promise<unknown>, withinMs?: number];

/** Whatever holds a part up, an engine that hangs above all: the next start repairs what it leaves. */
const usualMs = 1500;

/** Closes one after the other. A step that fails or takes too long is told and left; those after it are closed all the same. */
export async function closeInOrder(
  steps: readonly ClosingStep[],
  { clock, logger }: { readonly clock: Clock; readonly logger: Logger },
): Promise<void> {
  for (const [name, close, withinMs = usualMs] of steps) {
    const inTime = new AbortController();
    const late = clock.sleep(withinMs, inTime.signal).then(
      () => logger.warn('a part did not close in time', { part: name, withinMs }),
      () => undefined,
    );
    const closing = Promise.resolve()
      .then(close)
      .then(
        () => undefined,
        (error: unknown) => logger.error('a part could not be closed', { part: name, error }),
      );
    await Promise.race([closing, late]);
    inTime.abort();
  }
}
