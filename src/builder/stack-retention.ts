import type { Settings } from '../config/settings.ts';
import type { Engine } from '../domain/engine.ts';
import type { ImageState } from '../domain/images.ts';
import { type Labels, labelNames } from '../domain/labels.ts';
import { hostCaTag } from './dockerfile/trust-image.ts';
import { initTag } from './init/init.ts';
import { stackKinds, stackRecipe } from './stack/recipe.ts';

/** The names of images that all platforms of an engine share, except `latest`, which moves to the newest image. */
const sharedTag = /^paas\/(run|build|init|host-ca):(?!latest$)/;

/**
 * Removes stacks, and images with the host's certificates, that this platform would not make now, after a change of the
 * recipe, the suite or the certificates. Removes nothing when another platform uses the engine, because the images may be
 * its own. Images of apps keep the layers that they share with a stack. (A stack that `stack:rebuild` replaced has no name;
 * the next rebuild removes it.)
 */
export async function removeOtherStacks(
  engine: Engine,
  { settings, platformId }: { readonly settings: Pick<Settings, 'stackSuite'>; readonly platformId: string },
): Promise<void> {
  if (await isUsedByOthers(engine, platformId)) return;
  const stacks = await engine.images.list({ [labelNames.role]: 'stack' });
  for (const tag of tagsToRemove(stacks, ownTags(settings))) await engine.images.remove(tag);
}

/** Whether the engine has anything that carries another platform's label. */
export async function isUsedByOthers(engine: Engine, platformId: string | null): Promise<boolean> {
  const isForeign = (labels: Labels) => {
    const owner = labels[labelNames.platform];
    return owner !== undefined && owner !== platformId;
  };
  const [containers, networks, volumes, images] = await Promise.all([
    engine.containers.list({}),
    engine.networks.list({}),
    engine.volumes.list({}),
    engine.images.list({}),
  ]);
  return [...containers, ...networks, ...volumes, ...images].some(({ labels }) => isForeign(labels));
}

/** The tags of images whose names are all shared ones and not in `own`. An image with any other name belongs to a user. Pure. */
export function tagsToRemove(stacks: readonly Pick<ImageState, 'tags'>[], own: ReadonlySet<string>): readonly string[] {
  return stacks
    .filter(({ tags }) => tags.every((tag) => sharedTag.test(tag) && !own.has(tag)))
    .flatMap(({ tags }) => tags);
}

function ownTags({ stackSuite }: Pick<Settings, 'stackSuite'>): ReadonlySet<string> {
  const ca = hostCaTag();
  return new Set([
    initTag,
    ...stackKinds.map((kind) => stackRecipe(kind, stackSuite).tag),
    ...(ca === null ? [] : [ca]),
  ]);
}
