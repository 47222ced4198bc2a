import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { type ApiFixture, startApi } from '../support/api.ts';

describe('releases', () => {
  let fixture: ApiFixture;
  before(async () => {
    fixture = await startApi();
  });
  after(() => fixture[Symbol.asyncDispose]());

  test("a release, found by id or number, has every field that Heroku's client reads", async () => {
    const { ask, owner } = fixture;
    const app = await fixture.newApp('shop');
    const deployed = await fixture.deploy(app);
    const list = (await ask('GET', '/apps/shop/releases')).json;
    assert.deepEqual(
      list.map((release: { version: number; current: boolean }) => [release.version, release.current]),
      [
        [1, false],
        [2, true],
      ],
    );
    const [first, second] = list;
    assert.equal(first.eligible_for_rollback, false, 'nothing was built yet');
    assert.equal(first.slug, null);
    assert.equal(second.id, deployed.id);
    assert.equal(second.status, 'succeeded');
    assert.equal(second.eligible_for_rollback, true);
    assert.deepEqual(second.slug, { id: deployed.artifactId });
    assert.deepEqual(second.user, { id: owner.actor.accountId, email: 'owner@example.com' });
    assert.deepEqual(second.addon_plan_names, []);
    assert.equal(second.output_stream_url, null);
    assert.equal(second.description, 'Deploy 3ab12cf');
    for (const reference of [deployed.id, '2', 'v2', 'current']) {
      assert.deepEqual((await ask('GET', `/apps/shop/releases/${reference}`)).json, second, reference);
    }
    for (const reference of ['3', 'v0', '99999999999999999999', 'x', app.id]) {
      assert.equal((await ask('GET', `/apps/shop/releases/${reference}`)).status, 404, reference);
    }
  });

  test('releases are listed newest first on request, page by page, until there is no Next-Range', async () => {
    const { ask } = fixture;
    const app = await fixture.newApp('paged');
    for (let count = 1; count < 45; count += 1)
      await fixture.operations.changeConfig(app, { A: `${count}` }, fixture.owner.actor);
    const versions: number[] = [];
    const statuses: number[] = [];
    let range: string | null = 'version ..; order=desc,max=20';
    while (range !== null) {
      const answer = await ask('GET', '/apps/paged/releases', { headers: { Range: range } });
      versions.push(...answer.json.map(({ version }: { version: number }) => version));
      statuses.push(answer.status);
      range = answer.headers.get('next-range');
    }
    assert.deepEqual(statuses, [206, 206, 200]);
    assert.deepEqual(
      versions,
      Array.from({ length: 45 }, (_, index) => 45 - index),
    );
    for (const Range of [
      'version ..; order=desc,max=1',
      'version ..; max=1, order=desc',
      'version ..;order=desc;max=1',
    ]) {
      const answer = await ask('GET', '/apps/paged/releases', { headers: { Range } });
      assert.equal(answer.json.length, 1);
      assert.equal(answer.json[0].version, 45);
      assert.equal(answer.headers.get('content-range'), 'version 45..45');
    }
    const wrong = await ask('GET', '/apps/paged/releases', { headers: { Range: 'bytes=0-' } });
    assert.equal(wrong.status, 422);
    assert.match(wrong.json.message, /version, id/);
  });

  test('a rollback to a release, named by id or number, makes a new release', async () => {
    const { ask, operations, owner } = fixture;
    const app = await fixture.newApp('back');
    const deployed = await fixture.deploy(app);
    await operations.changeConfig(await fixture.store.apps.get(app.id), { A: '1' }, owner.actor);
    for (const release of [deployed.id, 2, '2', 'v2']) {
      const answer = await ask('POST', '/apps/back/releases', { body: { release } });
      assert.equal(answer.status, 201, String(release));
      assert.equal(answer.json.current, true);
      assert.deepEqual(answer.json.slug, { id: deployed.artifactId });
      assert.deepEqual((await ask('GET', '/apps/back/releases/current/config-vars')).json, {});
    }
    assert.equal((await ask('POST', '/apps/back/releases', { body: { release: 'v99' } })).status, 404);
  });

  test('a release whose image was removed is not eligible for rollback', async () => {
    const { ask } = fixture;
    const app = await fixture.newApp('older');
    for (let count = 0; count < 12; count += 1) await fixture.deploy(app);
    const list: readonly { version: number; eligible_for_rollback: boolean }[] = (
      await ask('GET', '/apps/older/releases')
    ).json;
    const offered = list.filter((release) => release.eligible_for_rollback).map(({ version }) => version);
    assert.deepEqual(offered, [4, 5, 6, 7, 8, 9, 10, 11, 12, 13]);
    assert.equal((await ask('GET', '/apps/older/releases/3')).json.eligible_for_rollback, false);
    assert.equal((await ask('GET', '/apps/older/releases/4')).json.eligible_for_rollback, true);
  });
});
