import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { App } from '../../src/domain/app.ts';
import type { Artifact } from '../../src/domain/build.ts';
import { fixedSize } from '../../src/domain/instance-size.ts';
import { labelNames } from '../../src/domain/labels.ts';
import type { ReleaseStatus } from '../../src/domain/release.ts';
import { removeOldImages } from '../../src/provisioner/image-retention.ts';
import { placeInstances } from '../../src/provisioner/placing.ts';
import { withoutDelay } from '../../src/provisioner/plan.ts';
import { LowerHalf } from '../support/lower-half.ts';

describe('images of builds that an app cannot go back to', () => {
  let half: LowerHalf;
  before(async () => {
    half = await LowerHalf.start();
  });
  after(() => half[Symbol.asyncDispose]());

  const tagOf = (app: App, name: string) => `paas/app-${app.id}:${name}`;
  const imageOf = (app: App, name: string, labels: Readonly<Record<string, string>> = {}) =>
    half.fixture.engine.images.assemble({
      base: half.fixture.imageId,
      layers: [],
      tag: tagOf(app, name),
      config: {
        env: [`NAME=${name}`],
        labels: {
          ...half.fixture.labels,
          [labelNames.app]: app.id,
          [labelNames.role]: 'artifact',
          ...labels,
        },
      },
    });

  /** A build with its image, as the builder leaves it. */
  const built = async (app: App, name: string): Promise<Artifact> => {
    const { artifacts, builds } = half.deps.store;
    const artifact = await artifacts.create({
      appId: app.id,
      imageId: await imageOf(app, name),
      cacheKey: name,
      builder: 'dockerfile',
      builderName: 'test',
      processes: [{ type: 'web', command: 'sleep 600', args: ['sleep', '600'] }],
      launcher: null,
      user: '10001:10001',
      init: null,
      exposedPorts: [],
      sizeBytes: 0,
    });
    const build = await builds.create({ appId: app.id, pushId: null, commit: name, treeId: name });
    await builds.update(build.id, { state: 'succeeded', artifactId: artifact.id, endedAt: new Date() });
    return artifact;
  };
  const released = async (app: App, artifact: Artifact, status: ReleaseStatus = 'succeeded') => {
    const { store } = half.deps;
    const facts = { appId: app.id, artifactId: artifact.id, cause: 'deploy', description: '', config: {} } as const;
    const release = await store.releases.create({ ...facts, accountId: half.actor.accountId });
    await store.releases.setStatus(release.id, status);
    if (status === 'succeeded') await store.traffic.switchAllTo(app.id, release.id);
    return release;
  };
  const tags = async (app: App) => {
    const images = await half.fixture.engine.images.list({ [labelNames.app]: app.id });
    return images.flatMap((image) => image.tags.map((tag) => tag.replace(/^.*:/, ''))).sort();
  };
  const numbered = (from: number, to: number) =>
    Array.from({ length: to - from + 1 }, (_, index) => `b${String(from + index).padStart(2, '0')}`);

  it('are removed, and those of the ten newest builds that were live stay', async () => {
    const [app, other] = [await half.app('shop'), await half.app('other')];
    for (const name of numbered(1, 14)) await released(app, await built(app, name));
    await imageOf(other, 'b01');
    await removeOldImages(app, half.deps.environment);
    assert.deepEqual(await tags(app), numbered(5, 14));
    assert.deepEqual(await tags(other), ['b01'], "another app's");
    await removeOldImages(app, half.deps.environment);
    assert.deepEqual(await tags(app), numbered(5, 14), 'again changes nothing');
  });

  it('stay while they run, are about to be released, or have a foreign tag', async () => {
    const app = await half.app('busy');
    const [running, reused, named, old] = [
      await built(app, 'running'),
      await built(app, 'reused'),
      await built(app, 'named'),
      await built(app, 'old'),
    ];
    const release = await released(app, running);
    await half.deps.store.transaction((tables) =>
      placeInstances(tables, { app, release }, [withoutDelay({ type: 'web', slot: 1, size: fixedSize(1) })]),
    );
    for (const artifact of [reused, named, old]) await released(app, artifact);
    await half.fixture.engine.images.tag(named.imageId, `paas-test/${half.fixture.runId}:kept`);
    for (const name of numbered(1, 11)) await released(app, await built(app, name));
    // A push of an older tree found its artifact and waits to release it.
    const push = await half.deps.store.builds.create({ appId: app.id, pushId: null, commit: 'c', treeId: 't' });
    await removeOldImages(app, half.deps.environment);
    assert.equal((await tags(app)).length, 16, 'nothing goes while a build is under way');
    const done = { state: 'succeeded', artifactId: reused.id, endedAt: new Date() } as const;
    await half.deps.store.builds.update(push.id, done);
    await removeOldImages(app, half.deps.environment);
    assert.deepEqual(await tags(app), [...numbered(2, 11), 'kept', 'reused', 'running']);
  });

  it('are removed even when they never were live, except those of the last builds', async () => {
    const app = await half.app('failing');
    const live = await built(app, 'live');
    await released(app, live);
    for (const name of numbered(1, 13)) await released(app, await built(app, name), 'failed');
    await imageOf(app, 'unrecorded');
    await removeOldImages(app, half.deps.environment);
    assert.deepEqual(await tags(app), [...numbered(4, 13), 'live']);
  });
});
