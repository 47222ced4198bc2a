import type { Announcer } from './terminal.ts';

/** One thing that a host must have before the platform runs on it. A file each, in steps/. */
export interface SetUpStep {
  /** What there is to do and why, as a person reads it; null when it is there. Changes nothing. Quick: every start asks. */
  needed(): Promise<string | null>;
  /** Does it. May be called when another program did it in between. Throws a PlatformError with the way out. */
  perform(progress: (line: string) => void, signal: AbortSignal): Promise<void>;
}

/** In order, each only when needed, each announced. Returns how many had to be done. */
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
