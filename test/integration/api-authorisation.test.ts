import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { contract, type Endpoint } from '../../src/api/contract.ts';
import type { TokenScope } from '../../src/domain/actor.ts';
import type { App } from '../../src/domain/app.ts';
import { mintToken } from '../../src/domain/token.ts';
import { type ApiFixture, startApi } from '../support/api.ts';

const endpoints = Object.entries(contract) as [string, Endpoint][];
const withToken = endpoints.filter(([, { auth }]) => auth === 'token');
const ofAnApp = withToken.filter(([, { path }]) => path.startsWith('/apps/{app}'));

describe('the API', () => {
  let fixture: ApiFixture;
  let app: App;
  let parts: Readonly<Record<string, string>>;

  before(async () => {
    fixture = await startApi();
    app = await fixture.newApp('shop');
    await fixture.deploy(app);
    parts = {
      app: 'shop',
      release: '1',
      type: 'web',
      dyno: 'web.1',
      build: app.id,
      domain: 'shop.localhost',
      authorization: 'pp_none',
    };
  });
  after(() => fixture[Symbol.asyncDispose]());

  const pathOf = ({ path }: Endpoint, values = parts) => path.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? 'x');
  /** The whole content of the store, without the coarse "last used". */
  const everything = async () => {
    const { store } = fixture;
    const apps = await store.apps.list();
    const rows = apps.map(async ({ id }) => [
      await store.configVars.get(id),
      await store.releases.list(id),
      await store.formations.list(id),
      await store.instances.list(id),
      await store.builds.list(id),
    ]);
    const events = await store.events.list({ limit: 10_000 });
    return JSON.stringify([apps, await Promise.all(rows), await store.domains.list(), events]);
  };

  for (const [operationId, endpoint] of withToken) {
    test(`${operationId} is refused without a token, with an unknown one and with an expired one`, async () => {
      const { store, owner, ask } = fixture;
      const before = await everything();
      const expired = mintToken();
      await store.tokens.create({
        accountId: owner.actor.accountId,
        prefix: expired.prefix,
        sha256: expired.sha256,
        description: 'expired',
        scope: 'global',
        expiresAt: new Date(Date.now() - 1000),
      });
      for (const token of [null, mintToken().token, 'pp_', expired.token, owner.token.slice(0, -1)]) {
        const answer = await ask(endpoint.method, pathOf(endpoint), { token });
        assert.equal(answer.status, 401, String(token));
        assert.equal(answer.json.id, 'unauthorized');
        assert.equal(answer.headers.get('ratelimit-remaining'), null);
      }
      assert.equal(await everything(), before);
    });
  }

  test("a page of another origin can change nothing, even with the browser's credentials", async () => {
    const before = await everything();
    for (const [operationId, endpoint] of withToken.filter(([, { method }]) => method !== 'GET')) {
      for (const Origin of ['https://evil.example', 'null', `http://127.0.0.1:${fixture.port + 1}`]) {
        const answer = await fixture.ask(endpoint.method, pathOf(endpoint), { headers: { Origin }, body: undefined });
        assert.equal(answer.status, 403, `${operationId} from ${Origin}`);
      }
    }
    assert.equal(await everything(), before);
    const own = { Origin: `http://127.0.0.1:${fixture.port}` };
    assert.equal((await fixture.ask('PATCH', '/apps/shop/config-vars', { headers: own, body: {} })).status, 200);
  });

  const scopeOf = ({ scope, method }: Endpoint) => scope ?? (method === 'GET' ? 'read' : 'global');
  const below: Readonly<Record<TokenScope, readonly TokenScope[]>> = {
    read: [],
    deploy: ['read'],
    global: ['read', 'deploy'],
  };

  for (const [operationId, endpoint] of withToken) {
    for (const scope of below[scopeOf(endpoint)]) {
      test(`${operationId} is refused to a token of the scope ${scope}`, async () => {
        const token = await fixture.tokenOf(fixture.owner, scope);
        const before = await everything();
        const answer = await fixture.ask(endpoint.method, pathOf(endpoint), { token });
        assert.equal(answer.status, 403);
        assert.equal(answer.json.id, 'forbidden');
        assert.match(
          answer.json.message,
          new RegExp(`a token of the scope ${scopeOf(endpoint)}, and yours has ${scope}`),
        );
        assert.equal(await everything(), before);
      });
    }
  }

  test('no endpoint that changes something accepts a read token, and a log session changes nothing', () => {
    const open = withToken.filter(([, endpoint]) => endpoint.method !== 'GET' && scopeOf(endpoint) === 'read');
    assert.deepEqual(
      open.map(([operationId]) => operationId),
      ['createLogSession'],
    );
  });

  test('a token can do what its scope says', async () => {
    const { ask, owner, tokenOf } = fixture;
    const [read, deploy] = [await tokenOf(owner, 'read'), await tokenOf(owner, 'deploy')];
    for (const token of [read, deploy]) {
      assert.equal((await ask('GET', '/apps/shop/config-vars', { token })).status, 200);
      assert.equal((await ask('POST', '/apps/shop/log-sessions', { token, body: {} })).status, 201);
    }
    assert.equal((await ask('POST', '/apps/shop/releases', { token: deploy, body: { release: '1' } })).status, 201);
  });

  for (const [operationId, endpoint] of ofAnApp) {
    test(`${operationId} answers for another account's app as if it did not exist`, async () => {
      const { stranger, ask } = fixture;
      const before = await everything();
      const body = endpoint.body ? {} : undefined;
      for (const name of ['shop', app.id, app.id.toUpperCase()]) {
        const foreign = await ask(endpoint.method, pathOf(endpoint, { ...parts, app: name }), {
          token: stranger.token,
          body,
        });
        const absent = name === 'shop' ? 'nope' : '00000000-0000-4000-8000-000000000000';
        const missing = await ask(endpoint.method, pathOf(endpoint, { ...parts, app: absent }), {
          token: stranger.token,
          body,
        });
        assert.equal(foreign.status, 404);
        assert.equal(foreign.json.id, 'not_found');
        assert.equal(missing.status, 404);
        assert.equal(foreign.json.message.replaceAll(name, 'X'), missing.json.message.replaceAll(absent, 'X'));
        assert.deepEqual(Object.keys(foreign.json), Object.keys(missing.json));
      }
      assert.equal(await everything(), before);
    });
  }

  test("a release, a build, a domain and an instance of another app are not found below one's own app", async () => {
    const { stranger, ask, operations, store } = fixture;
    const own = await operations.createApp('mine', stranger.actor);
    const release = (await store.releases.list(app.id))[0]?.id ?? '';
    const build = await store.builds.create({ appId: app.id, pushId: null, commit: 'c', treeId: 't' });
    const domain = await store.domains.create({ appId: app.id, hostname: 'www.shop.example' });
    const one = await operations.run(app, { command: 'ls', attach: false, tty: false, env: {} }, fixture.owner.actor);
    const paths = [
      `/apps/${own.name}/releases/${release}`,
      `/apps/${own.name}/releases/${release}/config-vars`,
      `/apps/${own.name}/builds/${build.id}`,
      `/apps/${own.name}/builds/${build.id}/output`,
      `/apps/${own.name}/domains/${domain.id}`,
      `/apps/${own.name}/domains/www.shop.example`,
      `/apps/${own.name}/dynos/${one.id}`,
    ];
    for (const path of paths) {
      const answer = await ask('GET', path, { token: stranger.token });
      assert.equal(answer.status, 404, path);
    }
    const rollback = await ask('POST', '/apps/mine/releases', { token: stranger.token, body: { release } });
    assert.equal(rollback.status, 404);
    await ask('DELETE', `/apps/mine/dynos/${one.id}`, { token: stranger.token });
    assert.equal(operations.asked.at(-1)?.process, one.id, "another app's instance was turned into a name");
  });

  test('no read changes anything', async () => {
    const before = await everything();
    for (const [, endpoint] of endpoints) {
      if (endpoint.method === 'GET' && endpoint.stream !== 'websocket') await fixture.ask('GET', pathOf(endpoint));
    }
    assert.equal(await everything(), before);
  });

  test("the lists contain only one's own apps", async () => {
    const newcomer = await fixture.signUp('newcomer@example.com');
    for (const path of ['/apps', '/users/~/apps']) {
      const theirs = await fixture.ask('GET', path, { token: newcomer.token });
      assert.deepEqual(theirs.json, []);
    }
  });

  test('a token also works as the password of Basic authentication, as git and netrc send it', async () => {
    const { ask, owner } = fixture;
    const basic = (pair: string) => ({ Authorization: `Basic ${Buffer.from(pair).toString('base64')}` });
    for (const name of ['', 'owner@example.com', 'any:thing'.split(':')[0] ?? '']) {
      const answer = await ask('GET', '/account', { token: null, headers: basic(`${name}:${owner.token}`) });
      assert.equal(answer.status, 200, name);
      assert.equal(answer.json.email, 'owner@example.com');
    }
    for (const pair of [owner.token, `${owner.token}:`, `x:${owner.token}x`, '']) {
      const answer = await ask('GET', '/account', { token: null, headers: basic(pair) });
      assert.equal(answer.status, 401);
    }
    assert.equal((await ask('GET', '/account', { token: null, headers: { Authorization: owner.token } })).status, 401);
  });

  test('a revoked token stops working at once', async () => {
    const { store, ask } = fixture;
    const person = await fixture.signUp('leaver@example.com');
    assert.equal((await ask('GET', '/account', { token: person.token })).status, 200);
    for (const { id } of await store.tokens.list(person.actor.accountId)) {
      assert.equal((await ask('DELETE', `/oauth/authorizations/${id}`, { token: person.token })).status, 200);
    }
    assert.equal((await ask('GET', '/account', { token: person.token })).status, 401);
  });
});
