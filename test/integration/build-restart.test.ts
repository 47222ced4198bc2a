import assert from 'node:assert/strict';
import test from 'node:test';
import { scaled } from '../support/deadline.ts';
import { eventually } from '../support/eventually.ts';
import { GitSource } from '../support/git-source.ts';
import { openOrchestrator } from '../support/orchestrator.ts';

test('queued builds, when the orchestrator stops', { timeout: scaled(180_000) }, async (t) => {
  await using orchestrator = await openOrchestrator();
  await using source = await GitSource.create();
  const { ask, lead, token, doors } = orchestrator;
  const { store, appLog } = orchestrator.ground;

  const first = await lead();
  const { id: appId } = (await ask('POST', '/apps', { name: 'waiting' })).json;
  const url = `http://paas:${token}@127.0.0.1:${doors.port}/waiting.git`;
  const push = (branch: string) => source.git('push', '--quiet', url, `HEAD:refs/heads/${branch}`);
  const kept = await source.commit({ 'index.html': 'kept' });
  await push('kept');
  const nothing = await source.commit({ 'index.html': null, 'README.md': 'nothing to build' });
  await push('nothing');
  await first.close();
  const queue = (commit: string) => store.builds.create({ appId, pushId: null, commit, treeId: kept.treeId });
  const lost = await queue('d'.repeat(40));
  const broken = await queue(nothing.commit);
  const waiting = await queue(kept.commit);
  const find = (id: string) => store.builds.find(id);
  const said = async () =>
    (await appLog.read(appId, { lines: 100, source: 'build' })).map(({ text }) => text).join('\n');

  const second = await lead();
  await t.test('are built by the next one, when their commit is in the repository', async () => {
    await eventually('the build that waited is over', async () => (await find(waiting.id))?.endedAt, {
      deadlineMs: scaled(120_000),
    });
    const build = await find(waiting.id);
    assert.equal(build?.state, 'succeeded', build?.reason ?? '');
    assert.equal((await store.artifacts.find(build?.artifactId ?? ''))?.builderName, 'Static site');
    await eventually('its log says what to do', async () => (await said()).includes('Push again to release it'));
    assert.match(await said(), new RegExp(`Built ${kept.commit.slice(0, 7)}, which waited when the platform stopped`));
    assert.equal((await store.releases.list(appId)).length, 1, 'nobody was told that it would be released');
  });

  await t.test('are cancelled, with the next step, when their commit was lost with the push', async () => {
    await eventually('it is over', async () => (await find(lost.id))?.endedAt);
    const build = await find(lost.id);
    assert.equal(build?.state, 'cancelled');
    assert.match(build?.reason ?? '', /the pushed commit was lost with it. Push again/);
    const events = await store.events.list({ limit: 50 });
    assert.equal(events.filter(({ kind }) => kind === 'build.cancelled').length, 1);
  });

  await t.test('fail when they cannot be built', async () => {
    await eventually('it is over', async () => (await find(broken.id))?.endedAt);
    const build = await find(broken.id);
    assert.deepEqual([build?.state, build?.reason], ['failed', 'No app could be detected in this source.']);
  });
  await second.close();
});
