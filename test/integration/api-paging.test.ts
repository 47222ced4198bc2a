import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { App } from '../../src/domain/app.ts';
import { fixedSize } from '../../src/domain/instance-size.ts';
import type { Store, StoreTables } from '../../src/domain/store.ts';
import { sqliteDatabase } from '../../src/store/sqlite.ts';
import { type ApiFixture, startApi } from '../support/api.ts';
import { heard } from '../support/counted-database.ts';

const rows = 1000;

/** Makes one more row of each list. */
async function addRow(tables: StoreTables, { app, number }: { readonly app: App; readonly number: number }) {
  const { id: appId, ownerId: accountId } = app;
  const push = await tables.pushes.create({
    appId,
    ref: 'refs/heads/main',
    oldCommit: null,
    newCommit: 'c',
    accountId,
  });
  const artifact = await tables.artifacts.create({
    appId,
    imageId: 'sha256:1',
    cacheKey: `key-${number}`,
    builder: 'buildpack',
    builderName: 'Node.js',
    processes: [{ type: 'worker', command: 'node worker.js', args: null }],
    launcher: null,
    user: '1:1',
    init: null,
    exposedPorts: [],
    sizeBytes: number,
  });
  const build = await tables.builds.create({ appId, pushId: push.id, commit: `c${number}`, treeId: 't' });
  await tables.builds.update(build.id, { state: 'succeeded', artifactId: artifact.id });
  const release = await tables.releases.create({
    appId,
    artifactId: artifact.id,
    cause: 'deploy',
    description: `Deploy ${number}`,
    accountId,
    config: {},
  });
  await tables.releases.setStatus(release.id, 'succeeded');
  await tables.domains.create({ appId, hostname: `d${String(number).padStart(4, '0')}.example.com` });
  await tables.instances.create({
    appId,
    workload: { kind: 'release', releaseId: release.id },
    hostId: 'host-1',
    type: 'worker',
    slot: number,
    size: fixedSize(1),
    command: null,
    notBefore: null,
    failures: 0,
  });
  await tables.apps.create({ name: `other-${number}`, ownerId: accountId });
}

async function addRows(store: Store, app: App, numbers: readonly number[]): Promise<void> {
  await store.transaction(async (tables) => {
    for (const number of numbers) await addRow(tables, { app, number });
  });
}

describe('a list of a thousand rows', () => {
  const statements: string[] = [];
  let fixture: ApiFixture;
  let app: App;
  const costs = new Map<string, number>();
  const lists = ['builds', 'releases', 'dynos', 'domains'].map((name) => `/apps/long/${name}`).concat('/apps');

  const cost = async (path: string, range: string) => {
    statements.length = 0;
    const answer = await fixture.ask('GET', path, { headers: { Range: range } });
    assert.ok(answer.status === 200 || answer.status === 206, `${path} ${answer.text}`);
    return { answer, cost: statements.length };
  };

  before(async () => {
    const listening = (path: string) => heard(sqliteDatabase(path), (sql) => statements.push(sql));
    fixture = await startApi({}, {}, listening);
    app = await fixture.newApp('long');
    await addRows(fixture.store, app, [1]);
    // The first request of a token notes when it was used.
    await fixture.ask('GET', '/account');
    for (const path of lists) costs.set(path, (await cost(path, 'id ..; max=200')).cost);
    const others = Array.from({ length: rows - 1 }, (_, index) => index + 2);
    await addRows(fixture.store, app, others);
  });
  after(() => fixture[Symbol.asyncDispose]());

  for (const path of lists) {
    test(`${path} runs no more statements per page than for a list of one row`, async () => {
      const own = await cost('/apps/long/collaborators', '');
      let range: string | null = 'id ..; max=300';
      const seen = new Set<string>();
      while (range !== null) {
        const page = await cost(path, range);
        assert.equal(page.cost, costs.get(path));
        assert.ok(page.cost <= own.cost + 2, `${page.cost} statements; who asks and the app alone are ${own.cost}`);
        for (const { id } of page.answer.json) seen.add(id);
        range = page.answer.headers.get('next-range');
      }
      assert.ok(seen.size >= rows && seen.size <= rows + 1);
    });
  }

  test('a build shows its builder, its pusher and the release that it was made for', async () => {
    const { answer } = await cost('/apps/long/builds', 'created_at ..; order=desc,max=1000');
    const releases = (await cost('/apps/long/releases', 'version ..; order=desc,max=1000')).answer.json;
    const [build] = answer.json.filter(
      ({ source_blob }: { source_blob: { version: string } }) => source_blob.version === 'c7',
    );
    const [release] = releases.filter(({ description }: { description: string }) => description === 'Deploy 7');
    assert.deepEqual(build.release, { id: release.id });
    assert.deepEqual(build.buildpacks, [{ url: 'Node.js', name: 'Node.js' }]);
    assert.equal(build.user.email, 'owner@example.com');
    assert.deepEqual((await fixture.ask('GET', `/apps/long/builds/${build.id}`)).json.release, { id: release.id });
  });

  test('pages are cut and ordered by each property, ties kept together', async () => {
    const namesOf = async (range: string) =>
      (await cost('/apps/long/dynos', range)).answer.json.map(({ name }: { name: string }) => name);
    assert.deepEqual(await namesOf('name worker.3..worker.300; max=2'), ['worker.3', 'worker.30']);
    assert.deepEqual(await namesOf('name ]worker.999..worker.997; order=desc'), ['worker.998', 'worker.997']);
    const versions = async (range: string) =>
      (await cost('/apps/long/releases', range)).answer.json.map(({ version }: { version: number }) => version);
    assert.deepEqual(await versions('version ]9..12'), [10, 11, 12]);
    assert.deepEqual(await versions('version 1e99..'), []);
    assert.deepEqual(await versions('version nine..'), []);
    const { answer } = await cost('/apps/long/builds', 'created_at ..; max=10');
    const moments = answer.json.map((build: { created_at: string }) => build.created_at);
    assert.deepEqual(moments, moments.toSorted());
    const all = (await cost('/apps/long/builds', 'id ..; max=1000')).answer.json;
    const last = moments.at(-1);
    const upTo = all.filter((build: { created_at: string }) => build.created_at <= last);
    assert.equal(answer.json.length, upTo.length, 'all that were made in the same millisecond as the last');
    assert.equal(answer.headers.get('next-range'), `created_at ]${last}..; order=asc,max=10`);
  });
});
