import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { after, before, test } from 'node:test';
import { labelNames } from '../../src/domain/labels.ts';
import { BuilderFixture } from '../support/builder-fixture.ts';
import { scaled } from '../support/deadline.ts';
import { eventually } from '../support/eventually.ts';
import { GitSource } from '../support/git-source.ts';
import { RecordedOutput } from '../support/recorded-output.ts';

const express = resolve(import.meta.dirname, '../apps/express');
const day = 24 * 60 * 60_000;
const inDays = (days: number) => new Date(Date.now() + days * day);

let fixture: BuilderFixture;
before(async () => {
  fixture = await BuilderFixture.open();
});
after(() => fixture[Symbol.asyncDispose]());

async function expressSource() {
  const source = await GitSource.create();
  const names = ['package.json', 'package-lock.json', 'server.js'];
  const files = await Promise.all(
    names.map(async (name) => [name, await readFile(join(express, name), 'utf8')] as const),
  );
  return { source, tree: await source.commit(Object.fromEntries(files)) };
}

/** The content of the volume for the apps' shared runtimes. */
async function runtimes(): Promise<readonly string[]> {
  const { engine, platformId, stack } = fixture;
  const id = await engine.containers.create({
    name: `paas-${platformId}-look`,
    image: stack.buildImageId,
    sandbox: 'build',
    labels: { [labelNames.platform]: platformId },
    user: '10001:10001',
    entrypoint: ['ls', '/runtimes'],
    env: {},
    memoryBytes: 64 * 1024 * 1024,
    cpus: 1,
    networks: [],
    volumes: [{ name: `paas-${platformId}-runtimes`, path: '/runtimes', readOnly: true }],
  });
  try {
    const signal = AbortSignal.timeout(scaled(60_000));
    const { stdout } = await engine.containers.attach(id, signal);
    await engine.containers.start(id);
    const said: Buffer[] = [];
    for await (const chunk of stdout) said.push(chunk as Buffer);
    return Buffer.concat(said).toString().split('\n').filter(Boolean);
  } finally {
    await engine.containers.remove(id);
  }
}

async function templates(): Promise<number> {
  const labels = { [labelNames.platform]: fixture.platformId, [labelNames.role]: 'template' };
  return (await fixture.engine.images.list(labels)).length;
}

test('a Node.js version unused for a month is removed, apps that have it go on, and the next build fetches it again', async () => {
  const { source, tree } = await expressSource();
  await using _ = source;
  const app = await fixture.newApp();
  const { artifact } = await fixture.build(app, tree);
  const made = await runtimes();
  assert.deepEqual(made.map((name) => name.split('-')[0]).sort(), ['node', 'npm']);

  await fixture.builder.tidy(inDays(29));
  assert.deepEqual(await runtimes(), made, 'asked for within the month');
  assert.equal(await templates(), 1);

  const stray = await fixture.engine.containers.create({
    name: `paas-${fixture.platformId}-stray`,
    image: fixture.stack.buildImageId,
    sandbox: 'build',
    labels: { [labelNames.platform]: fixture.platformId, [labelNames.role]: 'build' },
    user: '10001:10001',
    env: {},
    memoryBytes: 64 * 1024 * 1024,
    cpus: 1,
    networks: [],
  });
  const lost = await fixture.store.builds.create({ appId: app.id, pushId: null, commit: 'c', treeId: 't' });
  await fixture.store.builds.update(lost.id, { state: 'building' });
  const stateOf = async (id: string) => (await fixture.store.builds.find(id))?.state;
  await using underWay = await somethingIsBuilt();
  await fixture.builder.tidy(inDays(31));
  assert.deepEqual(await runtimes(), made, 'nothing goes while something is built');
  assert.ok(await fixture.engine.containers.inspect(stray));
  assert.equal(await stateOf(lost.id), 'building');
  await underWay.end();

  await fixture.builder.tidy(inDays(31));
  assert.deepEqual(await runtimes(), []);
  assert.equal(await templates(), 0);
  assert.equal(await fixture.containersOfBuilds(), 0);
  assert.equal(await stateOf(lost.id), 'failed', 'a build whose end no disk took is no more under way');
  const version = await fixture.run(artifact.imageId, [artifact.launcher ?? '', '--', 'node', '--version']);
  assert.match(version.stdout, /^v24\./, version.stderr);

  const changed = await fixture.build(app, await source.commit({ 'views/index.txt': 'new' }));
  assert.match(changed.output.text, /Only the app's own files changed/, 'the layers are in the last image');
  const other = await fixture.build(await fixture.newApp(), await source.commit({ '.gitkeep': '' }));
  assert.match(other.output.text, /Installed Node\.js/);
  assert.deepEqual(await runtimes(), made);
});

/** A build that runs until it is stopped. */
async function somethingIsBuilt() {
  const builder = fixture.builder;
  const source = await GitSource.create();
  const output = new RecordedOutput();
  const stop = new AbortController();
  const files = { 'package.json': '{"name":"slow","version":"1.0.0","scripts":{"build":"echo at work; sleep 600"}}' };
  const ended = fixture
    .build(await fixture.newApp(), await source.commit(files), { output, signal: stop.signal, builder })
    .catch(() => undefined);
  await eventually('it builds', () => output.text.includes('at work'), { deadlineMs: 60_000 });
  const end = async () => {
    stop.abort();
    await ended;
    await source[Symbol.asyncDispose]();
  };
  return { end, [Symbol.asyncDispose]: end };
}

test('stacks are not removed where another platform uses the engine', async () => {
  const { engine, platformId } = fixture;
  const tag = `paas/run:${platformId}`;
  const volume = `paas-${platformId}-neighbour`;
  await engine.volumes.create(volume, { [labelNames.platform]: `${platformId}-neighbour` });
  try {
    await engine.images.assemble({
      base: fixture.stack.runImageId,
      layers: [],
      config: { labels: { [labelNames.role]: 'stack' } },
      tag,
    });
    await fixture.builder.tidy(new Date());
    assert.ok(await engine.images.inspect(tag));
  } finally {
    await engine.images.remove(tag);
    await engine.volumes.remove(volume);
  }
});
