import type { Announcer } from './terminal.ts';

/** Something that a host needs before the platform runs on it. Each has a file in steps/. */
export interface SetUpStep {
  /**
   * The work and its reason, for a person; null when nothing is needed. Changes nothing. Must be quick, because every
   * start asks.
   */
  needed(): Promise<string | null>;
  /** Does the work. Another program may have done it meanwhile. Throws a PlatformError with a hint. */
  perform(progress: (line: string) => void, signal: AbortSignal): Promise<void>;
}

/** Performs the steps in order, each only when it is needed, and announces each. Returns the number performed. */
export async function setUp(steps: readonly SetUpStep[], announcer: Announcer, signal: AbortSignal): Promise<number> {
  let done = 0;
  for (const step of steps) {
    signal.throwIfAborted();
    const reason = await step.needed();
    if (reason === null) continue;
    announcer.step(reason);
    const startedMs = performance.now();
    await step.perform((line) => announcer.detail(line), signal);
    announcer.detail(`done in ${((performance.now() - startedMs) / 1000).toFixed(1)} s`);
    done += 1;
  }
  return done;
}
