import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { type ApiFixture, startApi } from '../support/api.ts';

describe('names and who may have them', () => {
  let fixture: ApiFixture;
  /** The first account is the administrator; the other is a member. */
  let admin: string;
  let member: string;

  before(async () => {
    fixture = await startApi();
    admin = fixture.owner.token;
    member = fixture.stranger.token;
  });
  after(() => fixture[Symbol.asyncDispose]());

  const create = (name: string, token: string) => fixture.ask('POST', '/apps', { token, body: { name } });
  const destroy = (name: string, token: string) => fixture.ask('DELETE', `/apps/${name}`, { token });
  const add = (app: string, hostname: string, token: string) =>
    fixture.ask('POST', `/apps/${app}/domains`, { token, body: { hostname } });
  const allow = (name: string, account?: string, token = admin) =>
    fixture.ask('POST', '/platform/allowed-names', { token, body: { name, ...(account ? { account } : {}) } });
  const inThirtyDays = () => new Date(Date.now() + 30 * 86_400_000).toISOString().slice(0, 10);

  test('a reserved name is free for the account that an administrator allowed it, and for no other', async () => {
    for (const name of ['status', 'xn--bcher-kva', 'ns1', 'mta-sts']) {
      const refused = await create(name, admin);
      assert.equal(refused.status, 422, name);
      assert.match(refused.json.hint, new RegExp(`paas names:allow ${name}$`));
      assert.equal((await allow(name, undefined, member)).status, 403);
      const allowed = await allow(name, 'Stranger@Example.com');
      assert.equal(allowed.status, 201);
      assert.equal(allowed.json.account.email, 'stranger@example.com');
      assert.equal((await create(name, admin)).status, 422);
      assert.equal((await create(name, member)).status, 201);
    }
    assert.equal((await fixture.ask('DELETE', '/platform/allowed-names/status')).json.state, 'allowed');
    assert.equal((await fixture.ask('GET', '/apps/status', { token: member })).status, 200, 'who has it keeps it');
    assert.equal((await fixture.ask('DELETE', '/platform/allowed-names/status')).status, 404);
    for (const name of ['api', 'git', 'a b', '', '*.', 'x'.repeat(250)])
      assert.equal((await allow(name)).status, 422, name);
    assert.equal((await allow('login', 'nobody@example.com')).status, 404);
  });

  test('the name of a destroyed app stays with its owner, who may take it again', async () => {
    await create('gone', member);
    await destroy('gone', member);
    const refused = await create('gone', admin);
    assert.equal(refused.status, 409);
    assert.match(
      refused.json.message,
      new RegExp(`^gone was given up recently, and is kept for its last owner until ${inThirtyDays()}`),
    );
    assert.doesNotMatch(refused.text, /stranger@/);
    assert.equal((await create('gone', member)).status, 201);
    await destroy('gone', member);
    const other = await create('other', admin);
    const renamed = await fixture.ask('PATCH', `/apps/${other.json.id}`, { body: { name: 'gone' } });
    assert.equal(renamed.status, 409, 'by a rename neither');
    assert.equal((await fixture.ask('DELETE', '/platform/kept-names/gone', { token: member })).status, 403);
    assert.equal((await fixture.ask('DELETE', '/platform/kept-names/gone')).status, 200);
    assert.equal((await create('gone', admin)).status, 201);
    assert.equal((await fixture.ask('DELETE', '/platform/kept-names/gone')).status, 404);
  });

  test('the old name of a renamed app stays with its owner', async () => {
    await create('before-rename', member);
    await fixture.ask('PATCH', '/apps/before-rename', { token: member, body: { name: 'after-rename' } });
    assert.equal((await create('before-rename', admin)).status, 409);
    const back = await fixture.ask('PATCH', '/apps/after-rename', { token: member, body: { name: 'before-rename' } });
    assert.equal(back.status, 200);
    assert.equal((await create('after-rename', admin)).status, 409);
  });

  test('hostnames of a destroyed app, and removed ones, stay with their owner', async () => {
    await create('domains-a', member);
    await create('domains-b', admin);
    for (const hostname of ['www.dangling.com', '*.wild.dangling.com', 'removed.com'])
      await add('domains-a', hostname, member);
    await fixture.ask('DELETE', '/apps/domains-a/domains/removed.com', { token: member });
    await destroy('domains-a', member);
    for (const hostname of [
      'www.dangling.com',
      'WWW.dangling.com.',
      '*.dangling.com',
      '*.wild.dangling.com',
      'x.wild.dangling.com',
      'wild.dangling.com',
      'removed.com',
      '*.removed.com',
    ]) {
      const refused = await add('domains-b', hostname, admin);
      assert.equal(refused.status, 409, hostname);
      assert.match(refused.json.message, /kept for its last owner until|had until recently/, hostname);
    }
    assert.equal((await add('domains-b', 'free.dangling.com', admin)).status, 201);
    await create('domains-c', member);
    for (const hostname of ['www.dangling.com', 'x.wild.dangling.com', 'removed.com'])
      assert.equal((await add('domains-c', hostname, member)).status, 201, hostname);
  });

  test("a hostname that meets another account's wildcard is the administrator's decision", async () => {
    await create('wild-a', member);
    await create('wild-b', admin);
    await create('wild-c', member);
    assert.equal((await add('wild-a', '*.meeting.com', member)).status, 201);
    assert.equal((await add('wild-c', 'own.meeting.com', member)).status, 201, "another app of the wildcard's owner");
    for (const hostname of ['x.meeting.com', 'meeting.com', 'x.y.meeting.com', '*.x.meeting.com']) {
      const refused = await add('wild-b', hostname, admin);
      assert.equal(refused.status, 409, hostname);
      assert.match(refused.json.message, /is below \*\.meeting\.com, which another account has/);
      assert.match(refused.json.hint, /paas names:allow '[^']+' --account owner@example\.com$/);
    }
    await allow('x.meeting.com', fixture.owner.actor.email);
    assert.equal((await add('wild-b', 'x.meeting.com', admin)).status, 201);
    assert.equal((await add('wild-b', 'z.meeting.com', admin)).status, 409);
    await add('wild-b', 'single.below.com', admin);
    assert.match((await add('wild-a', '*.below.com', member)).json.message, /covers single\.below\.com/);
    await allow('*.below.com', fixture.stranger.actor.email);
    assert.equal((await add('wild-a', '*.below.com', member)).status, 201);
    assert.equal((await add('wild-a', 'more.below.com', member)).status, 201, 'the wildcard was allowed to them');
  });

  test("public suffixes, and what looks like the platform's domain, are the administrator's decision", async () => {
    await using named = await startApi({}, { domain: 'apps.example.com' });
    await named.newApp('wide');
    const addTo = (hostname: string) => named.ask('POST', '/apps/wide/domains', { body: { hostname } });
    for (const hostname of ['*.com', '*.co.uk', '*.github.io', 'co.uk', '*.lan', '*.kawasaki.jp', '*.xn--p1ai'])
      assert.match(
        (await addTo(hostname)).json.message,
        /is a public suffix: names below it have many owners/,
        hostname,
      );
    for (const hostname of ['shop.apps.exаmple.com', '*.exаmple.com'])
      assert.match((await addTo(hostname)).json.message, /looks like the platform's own domain apps\.example\.com/);
    assert.equal((await named.ask('POST', '/platform/allowed-names', { body: { name: '*.lan' } })).status, 201);
    assert.equal((await addTo('*.lan')).status, 201);
    for (const hostname of ['*.example.co.uk', 'ada.github.io', 'bücher.example'])
      assert.equal((await addTo(hostname)).status, 201);
  });

  test('are listed for the administrator, and for others only their own', async () => {
    const all = (await fixture.ask('GET', '/platform/names')).json;
    const own = (await fixture.ask('GET', '/platform/names', { token: member })).json;
    assert.ok(all.some(({ account }: { account: { email: string } }) => account.email === 'owner@example.com'));
    assert.ok(own.length > 0 && own.length < all.length);
    assert.ok(own.every(({ account }: { account: { email: string } }) => account.email === 'stranger@example.com'));
    const kept = own.find(({ name }: { name: string }) => name === 'after-rename');
    assert.equal(kept.until.slice(0, 10), inThirtyDays());
  });
});
