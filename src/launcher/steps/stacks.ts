import { ensureStacks, findStacks } from '../../builder/stack.ts';
import type { Settings } from '../../config.ts';
import type { Engine } from '../../domain/engine.ts';
import type { SetUpStep } from '../set-up.ts';

/** The images that apps are built and run on. */
export function stacksStep(engine: Engine, settings: Settings): SetUpStep {
  return {
    async needed() {
      if (await findStacks(engine, settings)) return null;
      return `Making the stack images (Debian ${settings.stackSuite}): once, in about a minute`;
    },
    async perform(progress, signal) {
      await ensureStacks(engine, settings, { progress, signal });
    },
  };
}
