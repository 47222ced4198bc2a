import { Readable } from 'node:stream';
import type { Settings } from '../config.ts';
import type { Stack } from '../domain/builder.ts';
import { type Engine, labelNames } from '../domain/engine.ts';
import { PlatformError } from '../domain/errors.ts';
import { buildOnBaseImage, debianBaseImage } from './stack/base-image.ts';
import { hasMmdebstrap, readHostApt, rootfs } from './stack/debian-tools.ts';
import { type StackKind, type StackRecipe, stackKinds, stackRecipe } from './stack/recipe.ts';

export interface StackOptions {
  /** Told what is being done, a line at a time. */
  readonly progress?: (line: string) => void;
  readonly signal?: AbortSignal;
  /** Makes the stacks anew even if they are there: for the packages' security updates. */
  readonly rebuild?: boolean;
}

type StackSettings = Pick<Settings, 'stackSuite'>;

/** The stacks as they are in the engine now; null when one is missing. Two inspections, so cheap enough for every build. */
export async function findStacks(engine: Engine, settings: StackSettings): Promise<Stack | null> {
  const [run, build] = await Promise.all(
    (['run', 'build'] as const).map((kind) => engine.images.inspect(stackRecipe(kind, settings.stackSuite).tag)),
  );
  return run && build ? { name: settings.stackSuite, runImageId: run.id, buildImageId: build.id } : null;
}

/**
 * Makes those stacks that are missing, both at once, in 25–60 s. They belong to the engine and not to one platform: they
 * carry no platform's label, because equal recipes have equal tags and several platforms share them.
 * Throws `unavailable` when neither mmdebstrap nor an image registry can give them.
 */
export async function ensureStacks(
  engine: Engine,
  settings: StackSettings,
  options: StackOptions = {},
): Promise<Stack> {
  const present = options.rebuild ? null : await findStacks(engine, settings);
  if (present) return named(engine, present);
  await removeOldGenerations(engine);
  const failed = new AbortController();
  const signal = AbortSignal.any([failed.signal, ...(options.signal ? [options.signal] : [])]);
  const work = stackKinds.map((kind) =>
    makeStack(engine, kind, settings, { ...options, signal }).catch((error: unknown) => {
      failed.abort(error);
      throw error;
    }),
  );
  await Promise.allSettled(work);
  await Promise.all(work);
  const made = await findStacks(engine, settings);
  if (!made) throw new PlatformError('internal', 'The stack images were made, but the engine does not have them.');
  return named(engine, made);
}

/** `FROM paas/run` in somebody's Dockerfile is the stack of the platform that was started last. */
async function named(engine: Engine, stack: Stack): Promise<Stack> {
  await Promise.all([
    engine.images.tag(stack.runImageId, 'paas/run:latest'),
    engine.images.tag(stack.buildImageId, 'paas/build:latest'),
  ]);
  return stack;
}

async function makeStack(
  engine: Engine,
  kind: StackKind,
  settings: StackSettings,
  options: StackOptions & { readonly signal: AbortSignal },
): Promise<void> {
  const recipe = stackRecipe(kind, settings.stackSuite);
  if (!options.rebuild && (await engine.images.inspect(recipe.tag))) return;
  const progress = (line: string) => options.progress?.(`${kind}: ${line}`);
  if (hasMmdebstrap()) return importStack(engine, recipe, progress, options.signal);
  await buildOnRegistryImage(engine, recipe, progress, options.signal);
}

async function importStack(
  engine: Engine,
  recipe: StackRecipe,
  progress: (line: string) => void,
  signal: AbortSignal,
): Promise<void> {
  const tar = rootfs(recipe, progress, signal);
  // mmdebstrap writes nothing until the system is whole: a failure before that never reaches the engine.
  const first = await tar.next();
  const whole = (async function* () {
    if (!first.done) yield first.value;
    yield* tar;
  })();
  progress('importing into the engine');
  const stream = Readable.from(whole, { objectMode: false });
  let broken: unknown;
  stream.on('error', (error) => {
    broken = error;
  });
  await engine.images.importRootfs(stream, recipe.tag, recipe.config).catch((error: unknown) => {
    throw broken ?? error;
  });
}

async function buildOnRegistryImage(
  engine: Engine,
  recipe: StackRecipe,
  progress: (line: string) => void,
  signal: AbortSignal,
): Promise<void> {
  const base = debianBaseImage(recipe.suite);
  progress(`mmdebstrap is not installed here, building on ${base}`);
  const apt = await readHostApt();
  await buildOnBaseImage(engine, recipe, { base, apt, progress, signal }).catch((error: unknown) => {
    signal.throwIfAborted();
    throw new PlatformError('unavailable', `The ${recipe.kind} stack could not be built on ${base}.`, {
      hint: 'Install mmdebstrap and debian-archive-keyring (as root: apt-get install mmdebstrap), or give the engine a registry that has this image.',
      cause: error,
    });
  });
}

/**
 * A rebuilt stack leaves the one before without a tag. That one stays, for the builds that use it; those before it go,
 * unless a build is under way, on whatever platform, that may have begun before the last rebuild.
 */
async function removeOldGenerations(engine: Engine): Promise<void> {
  if ((await engine.containers.list({ [labelNames.role]: 'build' })).length > 0) return;
  const stacks = await engine.images.list({ [labelNames.role]: 'stack' });
  for (const image of stacks.filter((stack) => stack.tags.length === 0)) await engine.images.remove(image.id);
}
