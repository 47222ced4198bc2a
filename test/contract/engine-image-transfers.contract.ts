import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { PassThrough, Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { describe, test } from 'node:test';
import { scaled } from '../support/deadline.ts';
import { writeLayer } from '../support/layers.ts';
import { Registry } from '../support/registry.ts';
import type { UnderTest } from './engine.contract.ts';

const deadline = () => AbortSignal.timeout(scaled(60_000));
const login = { username: 'paas', password: 'pass:word "quoted" ü' };

/** Images to and from registries, and as tars. */
export function imageTransfersContract(underTest: UnderTest): void {
  /** A new image of two layers, and the content of the upper one. */
  async function made(tag: string): Promise<{ readonly id: string; readonly text: string }> {
    const { engine, labels, imageId, cacheDir } = underTest();
    const text = randomBytes(8).toString('hex');
    const layer = await writeLayer(cacheDir, { 'data/text': text, 'data/ballast': randomBytes(300_000) });
    const config = { cmd: ['cat', '/data/text'], labels };
    return { id: await engine.images.assemble({ base: imageId, layers: [layer], config, tag }), text };
  }

  const textIn = async (image: string) => (await underTest().run('cat /data/text', { image })).stdout.trim();
  const images = () => underTest().engine.images;

  describe('images and registries', { concurrency: 2 }, () => {
    test('a pushed and removed image can be pulled by tag and by digest, with the same content', async () => {
      await using registry = await Registry.start();
      const name = `${registry.address}/paas/shop`;
      const { id, text } = await made(`${name}:v1`);
      const before = await images().inspect(id);
      const lines: string[] = [];
      const digest = await images().push(`${name}:v1`, { onLine: (line) => lines.push(line) }, deadline());
      assert.match(digest, /^sha256:[0-9a-f]{64}$/);
      assert.ok(
        lines.some((line) => /pushed/i.test(line)),
        lines.join('\n'),
      );
      assert.equal(new Set(lines).size, lines.length, 'each stage once');
      assert.equal(await images().push(`${name}:v1`, {}, deadline()), digest, 'a second push pushes the same');
      await images().remove(`${name}:v1`);
      assert.equal(await images().inspect(`${name}:v1`), null);

      const pulled = await images().pull(`${name}:v1`, { onLine: (line) => lines.push(line) }, deadline());
      assert.equal(pulled.digest, digest);
      const after = await images().inspect(pulled.id);
      assert.deepEqual([after?.diffIds, after?.config], [before?.diffIds, before?.config]);
      assert.equal(await textIn(pulled.id), text);
      await images().remove(`${name}:v1`);

      const byDigest = await images().pull(`${name}@${digest}`, {}, deadline());
      assert.deepEqual(byDigest, pulled);
      await images().remove(`${name}@${digest}`);
    });

    test('a registry with a login accepts only the right login', async () => {
      await using registry = await Registry.start(login);
      const ref = `${registry.address}/private:v1`;
      const { text } = await made(ref);
      const digest = await images().push(ref, { auth: login }, deadline());
      await images().remove(ref);
      for (const transfer of [{}, { auth: { ...login, password: 'wrong' } }]) {
        await assert.rejects(images().pull(ref, transfer, deadline()), { code: 'unauthorized' });
      }
      const pulled = await images().pull(ref, { auth: login }, deadline());
      assert.equal(pulled.digest, digest);
      assert.equal(await textIn(pulled.id), text);
      for (const transfer of [{}, { auth: { ...login, password: 'wrong' } }]) {
        await assert.rejects(images().push(ref, transfer, deadline()), { code: 'unauthorized' });
      }
      await images().remove(ref);
    });

    test('an image that the registry or the engine lacks is “not found”', async () => {
      await using registry = await Registry.start();
      await assert.rejects(images().pull(`${registry.address}/nobody:v1`, {}, deadline()), { code: 'not_found' });
      await assert.rejects(images().push(`${registry.address}/nobody:v1`, {}, deadline()), { code: 'not_found' });
    });

    test('a registry that does not answer is “unavailable”', async () => {
      const registry = await Registry.start();
      const ref = `${registry.address}/gone:v1`;
      await made(ref);
      await registry[Symbol.asyncDispose]();
      await assert.rejects(images().push(ref, {}, deadline()), { code: 'unavailable' });
      await images().remove(ref);
      await assert.rejects(images().pull(ref, {}, deadline()), { code: 'unavailable' });
    });

    test('an aborted transfer reports that it was cancelled', async () => {
      await using registry = await Registry.start();
      const ref = `${registry.address}/late:v1`;
      await made(ref);
      await assert.rejects(images().push(ref, {}, AbortSignal.abort()), { code: 'cancelled' });
      await assert.rejects(images().pull(ref, {}, AbortSignal.abort()), { code: 'cancelled' });
      await images().remove(ref);
    });
  });

  describe('images as tars', { concurrency: 2 }, () => {
    test('an exported and removed image can be imported with its id, its tag and its content', async () => {
      const tag = `paas-test/${underTest().runId}:exported`;
      const { id, text } = await made(tag);
      const before = await images().inspect(id);
      const tar = await buffer(images().export(tag, deadline()));
      await images().remove(tag);
      assert.equal(await images().inspect(id), null);
      assert.deepEqual(await images().import(Readable.from([tar]), deadline()), [id]);
      assert.deepEqual(await images().inspect(tag), before);
      assert.equal(await textIn(id), text);
      assert.deepEqual(await images().import(Readable.from([tar]), deadline()), [id], 'a second time too');
      await images().remove(tag);
    });

    test('a tar that is cut, that breaks off or that is not a tar is an error', async () => {
      const tag = `paas-test/${underTest().runId}:cut`;
      await made(tag);
      const tar = await buffer(images().export(tag, deadline()));
      await images().remove(tag);
      for (const part of [tar.subarray(0, 0), tar.subarray(0, tar.length / 2), tar.subarray(0, tar.length - 10_240)]) {
        await assert.rejects(images().import(Readable.from([part]), deadline()), { code: 'invalid_params' });
      }
      await assert.rejects(images().import(Readable.from([Buffer.alloc(2048, 'text ')]), deadline()), {
        code: 'invalid_params',
      });
      const broken = new PassThrough();
      broken.write(tar.subarray(0, 100_000));
      setImmediate(() => broken.destroy(new Error('the line went dead')));
      await assert.rejects(images().import(broken, deadline()), { code: 'invalid_params', message: /went dead/ });
    });

    test('a missing image is “not found”, and an aborted export reports that it was cancelled', async () => {
      const fixture = underTest();
      await assert.rejects(buffer(images().export('no-such-image:1', deadline())), { code: 'not_found' });
      await assert.rejects(buffer(images().export(fixture.imageId, AbortSignal.abort())), { code: 'cancelled' });
      const stop = new AbortController();
      const stream = images().export(fixture.imageId, stop.signal);
      stream.once('data', () => stop.abort());
      await assert.rejects(buffer(stream), { code: 'cancelled' });
      const importing = images().import(new PassThrough(), AbortSignal.abort());
      await assert.rejects(importing, { code: 'cancelled' });
    });
  });
}
