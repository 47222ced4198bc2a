import type { Clock } from '../system/clock.ts';
import type { Logger } from '../system/logger.ts';

/** Closes one part. The name is for the log. After `withinMs` (1.5 s when not given) the next step begins. */
export type ClosingStep = readonly [name: string, close: () => Promise<unknown>, withinMs?: number];

/** A part may hang, mostly because the engine does. The next start repairs what it leaves. */
const usualMs = 1500;

/** Closes the parts one after the other. Logs a step that fails or is late, and goes on to the next. Never throws. */
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
