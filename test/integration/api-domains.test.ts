import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { type ApiFixture, startApi } from '../support/api.ts';

describe('domains', () => {
  let fixture: ApiFixture;
  before(async () => {
    fixture = await startApi();
    await fixture.newApp('shop');
  });
  after(() => fixture[Symbol.asyncDispose]());

  test("the app's own hostname is listed, and cannot be removed", async () => {
    const { ask } = fixture;
    const [own] = (await ask('GET', '/apps/shop/domains')).json;
    assert.equal(own.hostname, 'shop.localhost');
    assert.equal(own.kind, 'heroku');
    assert.equal(own.cname, null);
    assert.equal(own.status, 'none');
    const refused = await ask('DELETE', '/apps/shop/domains/shop.localhost');
    assert.equal(refused.status, 422);
    assert.match(refused.json.hint, /rename/);
  });

  test('a hostname is added, shown with its DNS target, found by name or id, and removed', async () => {
    const { ask } = fixture;
    const added = await ask('POST', '/apps/shop/domains', {
      body: { hostname: 'WWW.Example.com.', sni_endpoint: null },
    });
    assert.equal(added.status, 201);
    assert.equal(added.json.hostname, 'www.example.com');
    assert.equal(added.json.kind, 'custom');
    assert.equal(added.json.cname, 'shop.localhost');
    assert.equal(added.json.status, 'succeeded');
    for (const reference of [added.json.id, 'www.example.com', 'WWW.example.com']) {
      assert.deepEqual((await ask('GET', `/apps/shop/domains/${reference}`)).json, added.json);
    }
    const page = await ask('GET', '/apps/shop/domains', { headers: { Range: 'hostname ..; max=1' } });
    assert.equal(page.status, 206);
    assert.equal(page.headers.get('next-range'), 'hostname ]shop.localhost..; order=asc,max=1');
    const rest = await ask('GET', '/apps/shop/domains', { headers: { Range: page.headers.get('next-range') ?? '' } });
    assert.deepEqual(rest.json, [added.json]);
    assert.equal(rest.status, 200);
    const removed = await ask('DELETE', '/apps/shop/domains/www.example.com');
    assert.deepEqual(removed.json, added.json);
    assert.equal((await ask('GET', '/apps/shop/domains/www.example.com')).status, 404);
  });

  test('a hostname in another script is stored as DNS has it, and found as written', async () => {
    const { ask } = fixture;
    const added = await ask('POST', '/apps/shop/domains', { body: { hostname: 'Bücher.example' } });
    assert.equal(added.json.hostname, 'xn--bcher-kva.example');
    const written = `/apps/shop/domains/${encodeURIComponent('bücher.example')}`;
    assert.deepEqual((await ask('DELETE', written)).json, added.json);
    assert.equal((await ask('GET', '/apps/shop/domains')).json.length, 1);
  });

  test('a hostname in use is a conflict, and the error does not name its app', async () => {
    const { ask, operations, stranger } = fixture;
    await operations.createApp('theirs', stranger.actor);
    const body = { hostname: 'contested.example.com' };
    assert.equal((await ask('POST', '/apps/theirs/domains', { body, token: stranger.token })).status, 201);
    const refused = await ask('POST', '/apps/shop/domains', { body });
    assert.equal(refused.status, 409);
    assert.doesNotMatch(refused.text, /theirs|stranger/);
  });

  test('an invalid hostname is refused', async () => {
    for (const hostname of [
      '',
      'localhost',
      'a b.com',
      'x_y.com',
      '-a.com',
      '10.0.0.1',
      'a..b',
      'a.com/x',
      'a.com:80',
      '*',
    ]) {
      const answer = await fixture.ask('POST', '/apps/shop/domains', { body: { hostname } });
      assert.equal(answer.status, 422, hostname);
    }
  });
});
