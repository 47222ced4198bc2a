import type { App } from '../domain/app.ts';
import type { Artifact } from '../domain/build.ts';
import type { Engine } from '../domain/engine.ts';
import type { ImageState } from '../domain/images.ts';
import { releaseOf } from '../domain/instance.ts';
import { labelNames } from '../domain/labels.ts';
import { artifactsToGoBackTo } from '../domain/release.ts';
import type { Store } from '../domain/store.ts';
import { type EnvironmentDeps, labelsOf } from './environment.ts';

/** The artifacts of the newest builds are kept, because a release of them may be about to be made. */
const recentBuilds = 10;

/**
 * Removes the app's images from every host that no release can go back to and no instance runs. Only images with the label
 * of this platform and the app's name. To be called under the app's lease, so that no release is made meanwhile. Does nothing
 * while a build of the app is under way. Throws the first host's failure, after the others are done.
 */
export async function removeOldImages(app: Pick<App, 'id'>, deps: EnvironmentDeps): Promise<void> {
  const { engines } = deps;
  const removing = engines.known().map((hostId) => removeFrom(engines.on(hostId), app, deps));
  for (const outcome of await Promise.allSettled(removing)) if (outcome.status === 'rejected') throw outcome.reason;
}

async function removeFrom(engine: Engine, app: Pick<App, 'id'>, deps: EnvironmentDeps): Promise<void> {
  const { store } = deps;
  const labels = { ...labelsOf(app.id, deps), [labelNames.role]: 'artifact' };
  // Listed first, so that an image that a build makes meanwhile is not in the list.
  const images = await engine.images.list(labels);
  const kept = images.length === 0 ? null : await keptImages(app.id, store);
  if (!kept) return;
  for (const image of images) if (!kept.has(image.id)) await remove(app.id, image, engine);
}

/** Ids of the images to keep. Null while a build is under way, because it may use any image again. */
async function keptImages(appId: string, store: Store): Promise<ReadonlySet<string> | null> {
  const builds = await store.builds.list(appId);
  if (builds.some(({ state }) => state === 'queued' || state === 'building')) return null;
  const artifacts = await store.artifacts.list(appId);
  // The next build takes unchanged layers from the newest image, even if it never went live.
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

/** An image with a foreign tag stays, and so does one that a container uses. */
async function remove(appId: string, image: ImageState, engine: Engine): Promise<void> {
  const ours = image.tags.filter((tag) => tag.startsWith(`paas/app-${appId}:`));
  for (const tag of ours) await engine.images.remove(tag);
  if (ours.length === image.tags.length) await engine.images.remove(image.id);
}
