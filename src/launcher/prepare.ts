import { paths, type Settings } from '../config/settings.ts';
import type { Engine } from '../domain/engine.ts';
import { createMarkKeeper } from '../store/mark.ts';
import { openHomeStore } from '../store/store.ts';
import { type SetUpStep, setUp } from './set-up.ts';
import { accountStep } from './steps/account.ts';
import { commandLinkStep } from './steps/command-link.ts';
import { engineStep } from './steps/engine.ts';
import { kernelLimitsStep } from './steps/kernel-limits.ts';
import { stacksStep } from './steps/stacks.ts';
import { storeStep } from './steps/store.ts';
import { gitStep, stackToolsStep } from './steps/tools.ts';
import type { Announcer } from './terminal.ts';

/** The host's own steps, the same for every platform on it. `npm test` begins with them too. */
export function hostSteps(engine: Engine, settings: Settings): readonly SetUpStep[] {
  return [
    gitStep(),
    engineStep(engine, settings),
    kernelLimitsStep(settings),
    stackToolsStep(engine, settings),
    stacksStep(engine, settings),
  ];
}

export async function prepareHost(
  engine: Engine,
  settings: Settings,
  { announcer, signal }: { readonly announcer: Announcer; readonly signal: AbortSignal },
): Promise<void> {
  await setUp(hostSteps(engine, settings), announcer, signal);
}

/** Performs all steps for this host and this PAAS_HOME, each only when it is needed. */
export async function prepare(
  engine: Engine,
  settings: Settings,
  options: { readonly announcer: Announcer; readonly signal: AbortSignal },
): Promise<void> {
  await prepareHost(engine, settings, options);
  await setUp([storeStep(settings)], options.announcer, options.signal);
  const store = await openHomeStore(settings.home);
  try {
    await setUp([accountStep(store, settings), commandLinkStep(settings)], options.announcer, options.signal);
    // Book-keeping: without it only an older copy of this store is not recognised.
    await createMarkKeeper(store, paths(settings.home).mark)().catch(() => undefined);
  } finally {
    await store.close();
  }
}
