import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { LayerFile } from '../../src/domain/images.ts';
import { dockerArchive, type ImagePlan, ociLayout, qualifiedTag } from '../../src/engine/image-archive.ts';
import { imagePath, splitTag } from '../../src/engine/image-refs.ts';
import { chainIds } from '../../src/engine/known-layers.ts';
import { readSavedImage } from '../../src/engine/saved-image.ts';
import { writeLayer } from '../support/layers.ts';

describe('an image on its way to the engine', () => {
  let directory = '';
  let layer: LayerFile;
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'paas-archive-'));
    layer = await writeLayer(directory, { 'app/server.js': 'x'.repeat(5000) });
  });
  after(() => rm(directory, { recursive: true, force: true }));

  const baseBlob = {
    mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip',
    digest: `sha256:${'b'.repeat(64)}`,
    size: 7,
  };
  const base = `sha256:${'a'.repeat(64)}`;

  function plan(change: Partial<ImagePlan> = {}): ImagePlan {
    return {
      architecture: 'amd64',
      tag: 'paas/shop:v1',
      config: { cmd: ['node', 'server.js'], labels: { b: '2', a: '1' }, exposedPorts: ['5000/tcp', '443/tcp'] },
      layers: [
        { diffId: base, path: null, sizeBytes: 0, descriptor: baseBlob },
        { ...layer, descriptor: null },
      ],
      ...change,
    };
  }

  test('equal images have equal ids in any order of fields, and the tag does not count', () => {
    const config = { exposedPorts: ['443/tcp', '5000/tcp'], labels: { a: '1', b: '2' }, cmd: ['node', 'server.js'] };
    for (const form of [dockerArchive, ociLayout]) {
      assert.equal(form(plan()).imageId, form(plan({ config, tag: 'other:1' })).imageId);
      assert.notEqual(form(plan()).imageId, form(plan({ architecture: 'arm64' })).imageId);
      assert.notEqual(form(plan()).imageId, form(plan({ config: { cmd: ['other'] } })).imageId);
    }
  });

  test('an OCI layout contains the new layers and names those that the store has', async () => {
    const archive = ociLayout(plan());
    const { digests, layersOf } = await readSavedImage(archive.open());
    assert.ok(digests.has(layer.diffId));
    assert.ok(!digests.has(baseBlob.digest));
    assert.ok(digests.has(archive.imageId), 'its id is its manifest’s digest');
    assert.deepEqual(layersOf([base, layer.diffId]), [
      baseBlob,
      { mediaType: 'application/vnd.oci.image.layer.v1.tar', digest: layer.diffId, size: layer.sizeBytes },
    ]);
    assert.equal(layersOf([layer.diffId]), null);
  });

  test('a docker-archive contains the new layers, and its id is the digest of its configuration', async () => {
    const archive = dockerArchive(plan());
    const { digests } = await readSavedImage(archive.open());
    assert.ok(digests.has(layer.diffId) && digests.has(archive.imageId));
    assert.ok(digests.has(`sha256:${createHash('sha256').digest('hex')}`), 'the known layer is an empty file');
  });

  test('a layer’s file that changes its size during sending is an error', async () => {
    const archive = dockerArchive(plan({ layers: [{ ...layer, sizeBytes: layer.sizeBytes + 1, descriptor: null }] }));
    await assert.rejects(readSavedImage(archive.open()));
  });

  test('chain ids are those of the OCI specification', () => {
    const [first, second] = chainIds(['sha256:a', 'sha256:b']);
    assert.equal(first, 'sha256:a');
    assert.equal(second, `sha256:${createHash('sha256').update('sha256:a sha256:b').digest('hex')}`);
  });

  test('tags are completed as the engine completes them', () => {
    assert.equal(qualifiedTag('shop:1'), 'docker.io/library/shop:1');
    assert.equal(qualifiedTag('paas/shop:1'), 'docker.io/paas/shop:1');
    assert.equal(qualifiedTag('localhost/shop:1'), 'localhost/shop:1');
    assert.equal(qualifiedTag('reg.example:5000/shop:1'), 'reg.example:5000/shop:1');
    assert.deepEqual(splitTag('reg.example:5000/shop'), { repo: 'reg.example:5000/shop', tag: 'latest' });
    assert.deepEqual(splitTag('paas/shop:v1'), { repo: 'paas/shop', tag: 'v1' });
    assert.equal(imagePath('paas/shop:v1', '/json'), '/images/paas/shop:v1/json');
  });
});
