import assert from 'node:assert/strict';
import { after, before, it } from 'node:test';
import type { Builder } from '../../src/domain/builder.ts';
import { deployPush } from '../../src/operations/deploy.ts';
import { rollOut } from '../../src/operations/roll-out.ts';
import { eventually } from '../support/eventually.ts';
import { answering, LowerHalf } from '../support/lower-half.ts';
import { RecordedOutput } from '../support/recorded-output.ts';

const never = new AbortController().signal;

let half: LowerHalf;
before(async () => {
  half = await LowerHalf.start();
});
after(() => half[Symbol.asyncDispose]());

it('a config change does not wait for a build, and a push that waits for the change says so', async () => {
  const { deps, actor } = half;
  const { store } = deps;
  const app = await half.app('patient');
  const release = await half.release(app, { web: `[ -z "$SLOW" ] || sleep 3; ${answering('patient')}` });
  await rollOut(release, deps, never);

  const built = Promise.withResolvers<void>();
  const [artifact] = await store.artifacts.list(app.id);
  assert.ok(artifact);
  const builder: Builder = {
    async build({ pushId, source: { commit, treeId } }) {
      const build = await store.builds.create({ appId: app.id, pushId, commit, treeId });
      await built.promise;
      return { build, artifact, reused: false };
    },
  };
  const commit = 'c'.repeat(40);
  const accountId = actor.accountId;
  const facts = { appId: app.id, ref: 'refs/heads/main', oldCommit: null, newCommit: commit, accountId };
  const push = await store.pushes.create(facts);
  const source = {
    commit,
    treeId: 't',
    list: async () => [],
    readFile: async () => null,
    readLink: async () => null,
    archive: () => Promise.reject(new Error('nothing reads it')),
  };
  const output = new RecordedOutput();
  const request = { push, appName: app.name, source, actor };
  const deploying = deployPush(request, output, { deps: { ...deps, builder }, signal: never });
  await eventually('it builds', async () => (await store.builds.list(app.id)).length === 1);

  const changed = await half.operations.changeConfig(app, { SLOW: 'yes' }, actor);
  assert.equal(changed.version, 2);
  built.resolve();
  const deployed = await deploying;
  assert.equal(deployed.version, 3);
  assert.deepEqual(
    output.lines.filter((line) => line.includes('Waiting')),
    ['-----> Waiting to launch: a change of config is ahead of yours (position 1)...'],
  );
  assert.equal((await store.releases.find(changed.id))?.status, 'succeeded');
});
