import { scaled } from './deadline.ts';

/** Finds what hangs. It does not measure speed: `npm run bench` does, and a busy machine must not fail a test. */
const hangsAfterMs = 30_000;

/**
 * Polls until `check` returns a value other than false, null and undefined, and returns it. At the deadline it fails with
 * `what` and the last error. Tests wait only with this function. The deadline is scaled to the machine.
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
