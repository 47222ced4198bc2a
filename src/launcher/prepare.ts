import type { Settings } from '../config.ts';
import type { Engine } from '../domain/engine.ts';
import { type SetUpStep, setUp } from './set-up.ts';
import { engineStep } from './steps/engine.ts';
import { stacksStep } from './steps/stacks.ts';
import { gitStep, stackToolsStep } from './steps/tools.ts';
import type { Announcer } from './terminal.ts';

/** What the host must have, whatever platforms run on it. `npm test` begins with the same. */
export function hostSteps(engine: Engine, settings: Settings): readonly SetUpStep[] {
  return [gitStep(), engineStep(engine, settings), stackToolsStep(engine, settings), stacksStep(engine, settings)];
}

export async function prepareHost(
  engine: Engine,
  settings: Settings,
  { announcer, signal }: { readonly announcer: Announcer; readonly signal: AbortSignal },
): Promise<void> {
  await setUp(hostSteps(engine, settings), announcer, signal);
}
