import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { ensureStacks, findStacks } from '../../src/builder/stack.ts';
import { readSettings } from '../../src/config/settings.ts';
import { labelNames } from '../../src/domain/labels.ts';
import { runLocalCommand } from '../../src/launcher/local-commands.ts';
import { stopApps } from '../../src/launcher/stop.ts';
import { removeFromEngine } from '../../src/launcher/uninstall.ts';
import { EngineFixture, inNetwork } from '../support/engine-fixture.ts';

const silent = { step: () => undefined, detail: () => undefined, print: () => undefined };

/** One thing of every kind that a platform makes in an engine. */
async function furnish(fixture: EngineFixture): Promise<string> {
  const { engine, labels, runId } = fixture;
  const network = await engine.networks.create({
    name: `${runId}-net`,
    labels,
    pool: '10.213.0.0/16',
    prefixLength: 29,
  });
  await engine.volumes.create(`${runId}-${randomBytes(4).toString('hex')}`, labels);
  const instance = { ...labels, [labelNames.role]: 'instance' };
  const id = await engine.containers.create(fixture.spec('sleep 600', { labels: instance, ...inNetwork(network) }));
  await engine.containers.start(id);
  return id;
}

async function counts({ engine, labels }: EngineFixture): Promise<readonly number[]> {
  const { containers, networks, volumes, images } = engine;
  const lists = [containers.list(labels), networks.list(labels), volumes.list(labels), images.list(labels)];
  return (await Promise.all(lists)).map((list) => list.length);
}

test('an uninstalled platform leaves nothing in the engine, and another platform there keeps everything', async () => {
  await using going = await EngineFixture.create();
  await using staying = await EngineFixture.create();
  const stack = await ensureStacks(going.engine, { stackSuite: 'trixie' });
  await furnish(going);
  await furnish(staying);
  await removeFromEngine(going.engine, going.labels, silent);
  assert.deepEqual(await counts(going), [0, 0, 0, 0]);
  assert.deepEqual(await counts(staying), [1, 1, 1, 1]);
  assert.deepEqual(await findStacks(going.engine, { stackSuite: 'trixie' }), stack, 'the stacks are shared');
  await removeFromEngine(going.engine, going.labels, silent);
});

test('platform:stop --apps stops the apps and keeps their images', async () => {
  await using platform = await EngineFixture.create();
  const id = await furnish(platform);
  const settings = { ...readSettings({ PAAS_HOME: '/nonexistent' }), stopGraceMs: 0 };
  assert.equal(await stopApps(platform.engine, settings, platform.labels), 1);
  assert.equal((await platform.engine.containers.inspect(id))?.status, 'exited');
  assert.equal(await stopApps(platform.engine, settings, platform.labels), 0);
});

test('an unknown local command, or a wrong flag, does nothing and is an error', async () => {
  await assert.rejects(runLocalCommand('platform:explode', []), /There is no command platform:explode/);
  await assert.rejects(runLocalCommand('platform:stop', ['--everything']), /platform:stop.*--everything/);
  await assert.rejects(runLocalCommand('platform:uninstall', []), /This removes every app of the platform in/);
  await assert.rejects(runLocalCommand('platform:uninstall', ['--confirm', 'not-this-one']), /This removes every app/);
});
