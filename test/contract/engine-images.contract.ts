import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, test } from 'node:test';
import { createDockerEngine } from '../../src/engine/docker-engine.ts';
import { writeLayer } from '../support/layers.ts';
import { testRootfs } from '../support/test-rootfs.ts';
import type { UnderTest } from './engine.contract.ts';

export function imagesContract(underTest: UnderTest): void {
  describe('images', { concurrency: 2 }, () => {
    test('a root file system becomes an image with its configuration, and equal input gives the same image', async () => {
      const { engine, runId, labels, imageId } = underTest();
      const config = {
        env: ['PATH=/bin', 'A=b c'],
        entrypoint: ['sh', '-c'],
        cmd: ['echo $A'],
        workingDir: '/home',
        user: '10001:10001',
        exposedPorts: ['5000/tcp'],
        labels: { ...labels, z: '1' },
        stopSignal: 'SIGINT',
      };
      const tag = `paas-test/${runId}:root`;
      const id = await engine.images.importRootfs(await testRootfs(), tag, config);
      const image = await engine.images.inspect(tag);
      assert.equal(image?.id, id);
      assert.deepEqual(image.config, config);
      assert.deepEqual(image.tags, [tag]);
      assert.equal(image.diffIds.length, 1);
      const again = await engine.images.importRootfs(await testRootfs(), `paas-test/${runId}:again`, {
        env: ['PATH=/bin'],
        labels,
      });
      assert.equal(again, imageId);
    });

    test('layers are added to a base image, and equal input gives an equal id', async () => {
      const fixture = underTest();
      const { engine, runId, labels, imageId, cacheDir } = fixture;
      const layers = [
        await writeLayer(cacheDir, { 'data/a': 'one', 'data/b': 'one' }),
        await writeLayer(cacheDir, { 'data/b': 'two', 'data/.wh.a': '' }),
      ];
      const tag = `paas-test/${runId}:layers`;
      const image = { base: imageId, layers, config: { cmd: ['sh', '-c', 'cat /data/b; ls /data'], labels }, tag };
      const id = await engine.images.assemble(image);
      const state = await engine.images.inspect(tag);
      assert.equal(state?.id, id);
      assert.deepEqual(
        state.diffIds.slice(1),
        layers.map((layer) => layer.diffId),
      );
      assert.deepEqual(state.labels, labels);
      const { stdout } = await fixture.run('cat /data/b; ls /data', { image: id });
      assert.equal(stdout, 'twob\n');
      assert.equal(await engine.images.assemble(image), id);
      const other = createDockerEngine({ dockerHost: fixture.dockerHost });
      assert.equal(await other.images.assemble({ ...image, base: `paas-test/${runId}:base` }), id);
    });

    test('a layer that the engine has needs no file, and a missing layer is named', async () => {
      const { engine, runId, labels, imageId, cacheDir } = underTest();
      const first = await writeLayer(cacheDir, { 'data/first': randomBytes(8).toString('hex') });
      const second = await writeLayer(cacheDir, { 'data/second': randomBytes(8).toString('hex') });
      const base = { base: imageId, config: { labels } };
      await engine.images.assemble({ ...base, layers: [first], tag: `paas-test/${runId}:first` });
      const without = { diffId: first.diffId, path: null };
      await engine.images.assemble({ ...base, layers: [without, second], tag: `paas-test/${runId}:second` });
      const unknown = `sha256:${'0'.repeat(64)}`;
      await assert.rejects(
        engine.images.assemble({
          ...base,
          layers: [without, { diffId: unknown, path: null }],
          tag: `paas-test/${runId}:third`,
        }),
        { code: 'conflict', message: new RegExp(unknown) },
      );
    });

    test('after a restart of the platform, a layer of an existing image still needs no file', async () => {
      const { engine, runId, labels, imageId, cacheDir, dockerHost } = underTest();
      const layer = await writeLayer(cacheDir, { 'data/known': randomBytes(8).toString('hex') });
      const image = { base: imageId, config: { labels }, tag: `paas-test/${runId}:forgot` };
      await engine.images.assemble({ ...image, layers: [layer] });
      const newborn = createDockerEngine({ dockerHost });
      const top = await writeLayer(cacheDir, { 'data/top': 'x' });
      const id = await newborn.images.assemble({ ...image, layers: [{ diffId: layer.diffId, path: null }, top] });
      assert.equal((await newborn.images.inspect(id))?.diffIds.length, 3);
    });

    test('an image is complete even when its base has lost its tag', async () => {
      const fixture = underTest();
      const { engine, runId, labels, cacheDir } = fixture;
      const root = await writeLayer(cacheDir, { 'only-here': randomBytes(200_000) });
      const baseTag = `paas-test/${runId}:whole-base`;
      const tar = (await import('node:fs')).createReadStream(root.path);
      const baseId = await engine.images.importRootfs(tar, baseTag, { labels });
      const layer = await writeLayer(cacheDir, { 'data/x': 'x' });
      const tag = `paas-test/${runId}:whole`;
      const id = await engine.images.assemble({ base: baseId, layers: [layer], config: { labels }, tag });
      await engine.images.remove(baseTag);
      const bytes = await fixture.savedBytes(id);
      assert.ok(bytes > 200_000, `saved image has ${bytes} bytes`);
    });

    test('a missing base image is “not found”', async () => {
      const { engine, runId } = underTest();
      await assert.rejects(
        engine.images.assemble({ base: 'no-such-base:1', layers: [], config: {}, tag: `paas-test/${runId}:x` }),
        { code: 'not_found', message: /no-such-base/ },
      );
    });

    test('several images can be built at once on one base', async () => {
      const { engine, runId, labels, imageId, cacheDir } = underTest();
      const ids = await Promise.all(
        Array.from({ length: 5 }, async (_, index) => {
          const layer = await writeLayer(cacheDir, { 'data/n': `${runId} ${index}` });
          const tag = `paas-test/${runId}:parallel-${index}`;
          return engine.images.assemble({ base: imageId, layers: [layer], config: { labels }, tag });
        }),
      );
      assert.equal(new Set(ids).size, 5);
    });

    test('tags can be added and removed, and an image that a container uses stays', async () => {
      const fixture = underTest();
      const { engine, runId, labels, imageId, cacheDir } = fixture;
      const layer = await writeLayer(cacheDir, { 'data/tags': runId });
      const tag = `paas-test/${runId}:used`;
      const id = await engine.images.assemble({ base: imageId, layers: [layer], config: { labels }, tag });
      await engine.images.tag(id, `paas-test/${runId}:second-name`);
      assert.deepEqual((await engine.images.inspect(id))?.tags.toSorted(), [`paas-test/${runId}:second-name`, tag]);
      const container = await engine.containers.create(fixture.spec('true', { image: id }));
      await engine.images.remove(id);
      assert.ok(await engine.images.inspect(id));
      await engine.containers.remove(container);
      await engine.images.remove(tag);
      await engine.images.remove(`paas-test/${runId}:second-name`);
      assert.equal(await engine.images.inspect(id), null);
      await engine.images.remove(id);
    });

    test('our images are found by their labels', async () => {
      const { engine, labels, imageId } = underTest();
      const images = await engine.images.list(labels);
      assert.ok(images.some((image) => image.id === imageId));
      assert.deepEqual(await engine.images.list({ ...labels, other: 'yes' }), []);
    });

    test('a reference that would change the path of the request is refused', async () => {
      const { engine } = underTest();
      for (const ref of ['../containers/x', 'a/../../b', '', 'a?force=1', 'a b', '/x']) {
        await assert.rejects(engine.images.remove(ref), { code: 'invalid_params' }, ref);
      }
    });
  });
}
