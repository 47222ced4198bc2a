import { scaled } from './deadline.ts';

/** Finds what hangs. It says nothing about speed: that is for `npm run bench`, and a busy machine must not fail a test. */
const hangsAfterMs = 30_000;

/**
 * Polls until `check` gives a value that is neither false, null nor undefined, and returns it. Fails with `what`, the
 * last error and the deadline otherwise. The only way a test waits. The deadline is scaled to the machine.
 */
export async function eventually<T>(
  what: string,
  check: () => T | Promise<T>,
  { deadlineMs = hangsAfterMs, everyMs = 25 }: { readonly deadlineMs?: number; readonly everyMs?: number } = {},
): Promise<NonNullable<Exclude<T, false>>> {
  const patienceMs = scaled(deadlineMs);
  const end = performance.now() + patienceMs;
  let lastError: unknown;
  for (;;) {
    try {
      const value = await check();
      if (value !== false && value !== null && value !== undefined) return value as NonNullable<Exclude<T, false>>;
      lastError = undefined;
    } catch (error) {
      lastError = error;
    }
    if (performance.now() > end) {
      throw new Error(
        `Not within ${patienceMs} ms: ${what}`,
        lastError === undefined ? undefined : { cause: lastError },
      );
    }
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
}
