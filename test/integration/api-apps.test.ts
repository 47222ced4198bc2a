import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { type ApiFixture, startApi } from '../support/api.ts';

/** Names that got a shell, a path or a prototype out of other platforms (contracts/hardening.md 1.1). */
const badNames = [
  'app;id',
  'app`w`',
  'app$(id)',
  'app|id',
  'app&id',
  'app\ncmd',
  'app\rcmd',
  'app\tcmd',
  'app cmd',
  "app'cmd",
  'app"cmd',
  'app\\cmd',
  'app/cmd',
  '../app',
  'app:cmd',
  'app~',
  'app*',
  'app?',
  'app<cmd',
  'app>cmd',
  'app#cmd',
  'app%0a',
  'app_cmd',
  'App',
  'APP',
  '-app',
  'app-',
  '.app',
  '1app',
  'äpp',
  'аpp',
  'app\u0000',
  'app\u202e',
  '',
  ' ',
  'a'.repeat(31),
  'a'.repeat(64),
  'a'.repeat(100_000),
  '__proto__',
  'constructor',
  'api',
  'git',
  'dashboard',
  'localhost',
];

describe('apps', () => {
  let fixture: ApiFixture;
  before(async () => {
    fixture = await startApi();
  });
  after(() => fixture[Symbol.asyncDispose]());

  test("an app has every field that Heroku's client reads", async () => {
    const { ask, owner } = fixture;
    const created = await ask('POST', '/apps', { body: { name: 'hello' } });
    assert.equal(created.status, 201);
    const app = created.json;
    const time = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/;
    assert.equal(app.name, 'hello');
    assert.deepEqual(app.owner, { id: owner.actor.accountId, email: 'owner@example.com' });
    assert.equal(app.generation.name, 'cedar');
    assert.equal(typeof app.generation.id, 'string');
    assert.deepEqual(app.stack, app.build_stack);
    assert.equal(app.stack.name, 'trixie');
    assert.doesNotMatch(app.stack.name, /cnb/);
    assert.deepEqual(Object.keys(app.region), ['id', 'name']);
    assert.equal(app.git_url, 'http://git.localhost:8080/hello.git');
    assert.equal(app.web_url, 'http://hello.localhost:8080/');
    assert.match(app.created_at, time);
    assert.match(app.updated_at, time);
    assert.match(app.released_at, time);
    assert.notEqual(app.process_tier, 'eco');
    for (const field of ['space', 'team', 'archived_at', 'repo_size', 'slug_size', 'internal_routing']) {
      assert.equal(app[field], null, field);
    }
    for (const field of ['maintenance', 'acm', 'locked']) assert.equal(app[field], false, field);

    for (const path of ['/apps/hello', `/apps/${app.id}`]) assert.deepEqual((await ask('GET', path)).json, app);
    for (const path of ['/apps', '/users/~/apps']) assert.deepEqual((await ask('GET', path)).json, [app]);
  });

  test('the sizes of the repository and the image are shown', async () => {
    const app = await fixture.newApp('sized');
    await fixture.deploy(app);
    assert.equal((await fixture.ask('GET', '/apps/sized')).json.slug_size, 12_345);
  });

  test('without a name or a body the platform chooses a name', async () => {
    for (const body of [{}, undefined]) {
      const created = await fixture.ask('POST', '/apps', { body });
      assert.equal(created.status, 201);
      assert.match(created.json.name, /^[a-z]+-[a-z]+-\d+$/);
    }
  });

  test('a taken name is a conflict, even for a user who may not see the app', async () => {
    await fixture.newApp('taken');
    for (const token of [fixture.owner.token, fixture.stranger.token]) {
      const answer = await fixture.ask('POST', '/apps', { body: { name: 'taken' }, token });
      assert.equal(answer.status, 409);
      assert.equal(answer.json.id, 'conflict');
      assert.doesNotMatch(answer.text, /owner@example/);
    }
  });

  test('an invalid name is refused by every endpoint that takes one, and nothing is created', async () => {
    const { ask, store } = fixture;
    const app = await fixture.newApp('keeper');
    const before = (await store.apps.list()).length;
    for (const name of badNames) {
      const shown = JSON.stringify(name.slice(0, 20));
      const created = await ask('POST', '/apps', { body: { name } });
      assert.equal(created.status, 422, `create ${shown}`);
      assert.equal(created.json.id, 'invalid_params');
      assert.ok(created.text.length < 1000, 'the answer quotes a bounded part of it');
      const renamed = await ask('PATCH', '/apps/keeper', { body: { name } });
      assert.equal(renamed.status, 422, `rename to ${shown}`);
      if (name.length < 1000) {
        const found = await ask('GET', `/apps/x${encodeURIComponent(name)}`);
        assert.equal(found.status, 404, `look up ${shown}`);
      }
    }
    assert.equal((await store.apps.list()).length, before);
    assert.equal((await store.apps.get(app.id)).name, 'keeper');
  });

  test('an unknown key is refused and named', async () => {
    for (const [method, path] of [
      ['POST', '/apps'],
      ['PATCH', '/apps/hello'],
    ] as const) {
      const answer = await fixture.ask(method, path, { body: { docker_options: '--privileged' } });
      assert.equal(answer.status, 422);
      assert.match(answer.json.message, /docker_options/);
      assert.doesNotMatch(answer.json.message, /privileged/);
    }
  });

  test('only the existing region and stack are accepted, by name or id', async () => {
    const { ask } = fixture;
    const [region] = (await ask('GET', '/regions')).json;
    const [stack] = (await ask('GET', '/stacks')).json;
    for (const body of [
      { region: region.name, stack: stack.name },
      { region: region.id, stack: stack.id },
    ]) {
      assert.equal((await ask('POST', '/apps', { body })).status, 201);
    }
    for (const body of [{ region: 'mars' }, { stack: 'cedar-14' }]) {
      assert.equal((await ask('POST', '/apps', { body })).status, 422);
    }
  });

  test('an app can be renamed, put in maintenance with an event that names the user, and destroyed', async () => {
    const { ask, store } = fixture;
    const app = await fixture.newApp('before');
    const renamed = await ask('PATCH', '/apps/before', { body: { name: 'later' } });
    assert.equal(renamed.json.name, 'later');
    assert.equal(renamed.json.web_url, 'http://later.localhost:8080/');
    assert.equal((await ask('GET', '/apps/before')).status, 404);

    const on = await ask('PATCH', '/apps/later', { body: { maintenance: true } });
    assert.equal(on.json.maintenance, true);
    await ask('PATCH', '/apps/later', { body: { maintenance: true } });
    const events = (await store.events.list({ appId: app.id, limit: 100 })).filter(
      ({ kind }) => kind === 'app.maintenance',
    );
    assert.equal(events.length, 1);
    assert.equal(events[0]?.actorEmail, 'owner@example.com');
    assert.equal(events[0]?.requestId, on.headers.get('request-id'));
    assert.deepEqual(events[0]?.data, { name: 'later', on: true });

    const destroyed = await ask('DELETE', '/apps/later');
    assert.equal(destroyed.status, 200);
    assert.equal(destroyed.json.id, app.id);
    assert.equal((await ask('GET', `/apps/${app.id}`)).status, 404);
  });

  test("the lists that Heroku's client reads beside an app exist, even if empty", async () => {
    const app = await fixture.newApp('beside');
    const empty = ['/addons', '/addon-attachments', '/account/features', '/account/keys', '/pipelines'];
    const ofApp = [
      'addons',
      'addon-attachments',
      'sni-endpoints',
      'features',
      'buildpack-installations',
      'log-drains',
    ].map((name) => `/apps/${app.name}/${name}`);
    for (const path of [...empty, ...ofApp]) {
      const answer = await fixture.ask('GET', path);
      assert.equal(answer.status, 200, path);
      assert.deepEqual(answer.json, []);
    }
    const [collaborator] = (await fixture.ask('GET', '/apps/beside/collaborators')).json;
    assert.equal(collaborator.role, 'owner');
    assert.equal(collaborator.user.email, 'owner@example.com');
    assert.equal((await fixture.ask('GET', '/apps/beside/pipeline-couplings')).status, 404);
    const [stack] = (await fixture.ask('GET', '/stacks')).json;
    assert.equal(stack.state, 'public');
    assert.equal(stack.default, true);
  });

  test('the account is shown without any secret', async () => {
    const account = (await fixture.ask('GET', '/account')).json;
    assert.equal(account.id, fixture.owner.actor.accountId);
    assert.equal(account.email, 'owner@example.com');
    assert.equal(account.two_factor_authentication, false);
  });
});
