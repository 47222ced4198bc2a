import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { type ApiFixture, startApi } from '../support/api.ts';

describe('networks that an app may reach', () => {
  let fixture: ApiFixture;
  before(async () => {
    fixture = await startApi({}, { deny_networks: '10.0.0.0/8' });
    await fixture.newApp('shop');
  });
  after(() => fixture[Symbol.asyncDispose]());

  test('are shown, allowed by the administrator and denied again', async () => {
    const { ask } = fixture;
    assert.deepEqual((await ask('GET', '/apps/shop/networks')).json, { denied: ['10.0.0.0/8'], allowed: [] });
    const made = await ask('POST', '/apps/shop/networks', { body: { network: '10.0.5.0/24' } });
    assert.equal(made.status, 201);
    assert.equal(made.json.network, '10.0.5.0/24');
    const again = await ask('POST', '/apps/shop/networks', { body: { network: '10.0.5.0/24' } });
    assert.deepEqual(again.json, made.json);
    assert.deepEqual((await ask('GET', '/apps/shop/networks')).json.allowed, [made.json]);
    const path = `/apps/shop/networks/${encodeURIComponent('10.0.5.0/24')}`;
    assert.deepEqual((await ask('DELETE', path)).json, made.json);
    assert.deepEqual((await ask('GET', '/apps/shop/networks')).json.allowed, []);
    assert.equal((await ask('DELETE', path)).status, 404);
  });

  test('are checked, and a cloud’s metadata is none of them', async () => {
    for (const [network, message] of [
      ['10.0.5.1/24', /^The network is "10\.0\.5\.1\/24", and must be 10\.0\.5\.0\/24/],
      ['-j ACCEPT', /must be a network such as/],
      ['169.254.169.254', /cloud's secrets/],
      ['169.254.0.0/16', /cloud's secrets/],
      ['fd00::/8', /IPv6/],
    ] as const) {
      const refused = await fixture.ask('POST', '/apps/shop/networks', { body: { network } });
      assert.equal(refused.status, 422, network);
      assert.match(refused.json.message, message);
    }
  });

  test('are not the decision of an app’s owner', async () => {
    const { store, ask, stranger } = fixture;
    await store.apps.create({ name: 'foreign', ownerId: stranger.actor.accountId });
    const { token } = stranger;
    const refused = await ask('POST', '/apps/foreign/networks', { token, body: { network: '10.0.5.0/24' } });
    assert.equal(refused.status, 403);
    assert.match(refused.json.message, /^Only the administrator/);
    assert.equal((await ask('GET', '/apps/foreign/networks', { token })).status, 200);
    assert.deepEqual(await store.allowedNetworks.list(), []);
  });
});
