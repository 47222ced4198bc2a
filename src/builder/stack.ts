import type { Settings } from '../config/settings.ts';
import type { Stack } from '../domain/builder.ts';
import type { Engine } from '../domain/engine.ts';
import { PlatformError } from '../domain/errors.ts';
import { labelNames } from '../domain/labels.ts';
import { makeStacks } from './stack/make-stacks.ts';
import { type StackRecipe, stackKinds, stackRecipe } from './stack/recipe.ts';

export interface StackOptions {
  /** Called with one line of text at every step. */
  readonly progress?: (line: string) => void;
  readonly signal?: AbortSignal;
  /** Makes the stacks again even if they exist, for the packages' security updates. */
  readonly rebuild?: boolean;
}

type StackSettings = Pick<Settings, 'stackSuite'>;

/** The stacks that the engine has now; null when one is missing. Costs two inspections, so every build can call it. */
export async function findStacks(engine: Engine, settings: StackSettings): Promise<Stack | null> {
  const [run, build] = await Promise.all(
    (['run', 'build'] as const).map((kind) => engine.images.inspect(stackRecipe(kind, settings.stackSuite).tag)),
  );
  return run && build ? { name: settings.stackSuite, runImageId: run.id, buildImageId: build.id } : null;
}

/**
 * Makes the missing stacks in parallel, in 25–60 s. They carry no platform's label, because the platforms of an engine
 * share them: equal recipes have equal tags. Throws `unavailable` when this host has no way to make them.
 */
export async function ensureStacks(
  engine: Engine,
  settings: StackSettings,
  options: StackOptions = {},
): Promise<Stack> {
  const present = options.rebuild ? null : await findStacks(engine, settings);
  if (present) return tagLatest(engine, present);
  await removeOldGenerations(engine);
  await makeStacks(await missingStacks(engine, settings, options), {
    engine,
    progress: options.progress ?? (() => undefined),
    signal: options.signal ?? new AbortController().signal,
  });
  const made = await findStacks(engine, settings);
  if (!made) throw new PlatformError('internal', 'The stack images were made, but the engine does not have them.');
  return tagLatest(engine, made);
}

/** Tags the stacks as `latest`: `FROM paas/run` in a user's Dockerfile is the stack of the platform that was started last. */
async function tagLatest(engine: Engine, stack: Stack): Promise<Stack> {
  await Promise.all([
    engine.images.tag(stack.runImageId, 'paas/run:latest'),
    engine.images.tag(stack.buildImageId, 'paas/build:latest'),
  ]);
  return stack;
}

async function missingStacks(
  engine: Engine,
  settings: StackSettings,
  { rebuild = false }: StackOptions,
): Promise<readonly StackRecipe[]> {
  const recipes = stackKinds.map((kind) => stackRecipe(kind, settings.stackSuite));
  if (rebuild) return recipes;
  const present = await Promise.all(recipes.map(({ tag }) => engine.images.inspect(tag)));
  return recipes.filter((_, index) => present[index] === null);
}

/**
 * A rebuild takes the tag from the previous stack. The previous one stays for builds that use it. Older ones are removed,
 * unless a build of any platform runs, which may have begun before the last rebuild.
 */
async function removeOldGenerations(engine: Engine): Promise<void> {
  if ((await engine.containers.list({ [labelNames.role]: 'build' })).length > 0) return;
  const stacks = await engine.images.list({ [labelNames.role]: 'stack' });
  for (const image of stacks.filter((stack) => stack.tags.length === 0)) await engine.images.remove(image.id);
}
