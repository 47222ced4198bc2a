import { ensureStacks, findStacks } from '../../builder/stack.ts';
import type { Settings } from '../../config/settings.ts';
import type { Engine } from '../../domain/engine.ts';
import type { SetUpStep } from '../set-up.ts';

const proofTag = 'paas/run:proof';

/** Makes the images that apps are built and run on. */
export function stacksStep(engine: Engine, settings: Settings): SetUpStep {
  return {
    async needed() {
      if (await findStacks(engine, settings)) return null;
      return `Making the stack images (Debian ${settings.stackSuite}): once, in about a minute`;
    },
    async perform(progress, signal) {
      const { runImageId } = await ensureStacks(engine, settings, { progress, signal });
      // With a containerd store the first image on a base takes seconds longer. Do it here, and not in the first push.
      await engine.images.assemble({ base: runImageId, layers: [], config: {}, tag: proofTag });
      await engine.images.remove(proofTag);
    },
  };
}
