import { Readable } from 'node:stream';
import type { Engine } from '../../domain/engine.ts';
import { PlatformError } from '../../domain/errors.ts';
import { isRoot } from '../../system/privileges.ts';
import { buildOnBaseImage, type ImageDeps } from './base-image.ts';
import { type BaseImage, debianBase } from './debian-base.ts';
import { hasMmdebstrap, readHostApt, rootfs } from './debian-tools.ts';
import type { StackRecipe } from './recipe.ts';

/**
 * Makes these stacks in parallel, by the first way that works on this host: mmdebstrap; a Debian image from a registry;
 * a Debian image made from packages, which needs no root and no registry. Throws `unavailable` with the reason of each
 * failed way.
 */
export async function makeStacks(recipes: readonly StackRecipe[], deps: ImageDeps): Promise<void> {
  const failed = new AbortController();
  const signal = AbortSignal.any([failed.signal, deps.signal]);
  let base: Promise<BaseImage> | null = null;
  const baseOf = (recipe: StackRecipe) => {
    base ??= debianBase(recipe.suite, { ...deps, signal });
    return base;
  };
  const work = recipes.map((recipe) => {
    const progress = (line: string) => deps.progress(`${recipe.kind}: ${line}`);
    return makeStack(recipe, { ...deps, progress, signal, baseOf }).catch((error: unknown) => {
      failed.abort(error);
      throw error;
    });
  });
  await Promise.allSettled(work);
  await (base as Promise<BaseImage> | null)?.then(
    (image) => image.dispose(),
    () => undefined,
  );
  await Promise.all(work);
}

async function makeStack(
  recipe: StackRecipe,
  deps: ImageDeps & { readonly baseOf: (recipe: StackRecipe) => Promise<BaseImage> },
): Promise<void> {
  const { engine, progress, signal } = deps;
  const without = hasMmdebstrap() ? await tryMmdebstrap(recipe, deps) : 'mmdebstrap is not installed here.';
  if (without === null) return;
  const [base, apt] = await Promise.all([
    deps.baseOf(recipe).catch((error: unknown) => {
      signal.throwIfAborted();
      throw withReason(error, without);
    }),
    readHostApt(),
  ]);
  progress(`building on ${base.name}`);
  await buildOnBaseImage(engine, recipe, { base: base.tag, apt, progress, signal }).catch((error: unknown) => {
    signal.throwIfAborted();
    throw new PlatformError('unavailable', `The ${recipe.kind} stack could not be built on ${base.name}.`, {
      hint: `Check that containers reach the Debian mirror ${apt.archive}, and that it serves ${recipe.suite}.`,
      cause: error,
    });
  });
}

/**
 * Null when the stack is made, otherwise the reason why mmdebstrap failed. For root, a failure is final and thrown; other
 * users may lack the namespaces that it needs, so another way is tried.
 */
async function tryMmdebstrap(recipe: StackRecipe, { engine, progress, signal }: ImageDeps): Promise<string | null> {
  try {
    await importStack(engine, recipe, { progress, signal });
    return null;
  } catch (error) {
    if (signal.aborted || isRoot() || !(error instanceof PlatformError)) throw error;
    progress('mmdebstrap does not work here without root, trying another way');
    return error.message;
  }
}

async function importStack(
  engine: Engine,
  recipe: StackRecipe,
  { progress, signal }: { readonly progress: (line: string) => void; readonly signal: AbortSignal },
): Promise<void> {
  const tar = rootfs(recipe, progress, signal);
  // mmdebstrap writes nothing until the system is complete, so an earlier failure never reaches the engine.
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

function withReason(error: unknown, reason: string): unknown {
  if (!(error instanceof PlatformError)) return error;
  return new PlatformError(error.code, `${reason}\n${error.message}`, { hint: error.hint ?? '', cause: error });
}
