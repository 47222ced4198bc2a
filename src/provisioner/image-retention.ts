import type { App } from '../domain/app.ts';
import type { Artifact } from '../domain/build.ts';
import { type Engine, type ImageState, labelNames } from '../domain/engine.ts';
import { releaseOf } from '../domain/instance.ts';
import { artifactsToGoBackTo } from '../domain/release.ts';
import type { Store } from '../domain/store.ts';
import { type EnvironmentDeps, labelsOf } from './environment.ts';

/** Builds whose artifact may be about to be released although it is an older one. */
const recentBuilds = 10;

/**
 * Removes from every host the app's images that it cannot go back to and that nothing runs, and so only images with our
 * label and its name. For the app's turn, in which no release is made. Does nothing while a build of it is under way.
 * Throws the first host's failure, when the others are done.
 */
export async function removeOldImages(app: Pick<App, 'id'>, dependencies: EnvironmentDeps): Promise<void> {
  const { engines } = dependencies;
  const removing = engines.known().map((hostId) => removeFrom(engines.on(hostId), app, dependencies));
  for (const outcome of await Promise.allSettled(removing)) if (outcome.status === 'rejected') throw outcome.reason;
}

async function removeFrom(engine: Engine, app: Pick<App, 'id'>, dependencies: EnvironmentDeps): Promise<void> {
  const { store } = dependencies;
  const labels = { ...labelsOf(app.id, dependencies), [labelNames.role]: 'artifact' };
  // Listed before anything is asked: what a build makes from here on is not in the list.
  const images = await engine.images.list(labels);
  const kept = images.length === 0 ? null : await keptImages(app.id, store);
  if (!kept) return;
  for (const image of images) if (!kept.has(image.id)) await remove(app.id, image, engine);
}

/** Null while a build is under way, which may have found any image good to use again. */
async function keptImages(appId: string, store: Store): Promise<ReadonlySet<string> | null> {
  const builds = await store.builds.list(appId);
  if (builds.some(({ state }) => state === 'queued' || state === 'building')) return null;
  const artifacts = await store.artifacts.list(appId);
  // The next build takes the layers that did not change out of this one's image, live or not.
  const [lastMade] = artifacts;
  const releases = await store.releases.list(appId);
  const running = new Set((await store.instances.listActive(appId)).map(releaseOf));
  const inUse = releases.filter(({ id, status }) => running.has(id) || status === 'pending');
  const kept = new Set<string | null>([
    ...artifactsToGoBackTo(releases),
    ...inUse.map(({ artifactId }) => artifactId),
    ...builds.slice(0, recentBuilds).map(({ artifactId }) => artifactId),
    lastMade?.id ?? null,
  ]);
  return new Set(artifacts.filter(({ id }: Artifact) => kept.has(id)).map(({ imageId }) => imageId));
}

/** A tag that somebody else gave it, and a container that uses it, keep it. */
async function remove(appId: string, image: ImageState, engine: Engine): Promise<void> {
  const ours = image.tags.filter((tag) => tag.startsWith(`paas/app-${appId}:`));
  for (const tag of ours) await engine.images.remove(tag);
  if (ours.length === image.tags.length) await engine.images.remove(image.id);
}
