import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type ApiFixture, startApi } from '../support/api.ts';
import { CliUser } from '../support/cli.ts';

let api: ApiFixture;
let user: CliUser;

before(async () => {
  api = await startApi();
  user = await CliUser.create();
  user.logIn(api.url, api.owner.token);
});

after(async () => {
  await user[Symbol.asyncDispose]();
  await api[Symbol.asyncDispose]();
});

const account = (token: string) => api.ask('GET', '/account', { token });
const events = async (kind: 'token.created' | 'token.revoked') =>
  (await api.store.events.list({ limit: 100 })).filter((event) => event.kind === kind);

test('a token is printed once, on stdout only, works, is listed, and stops working when revoked', async () => {
  const made = await user.paas(['tokens:create', '-d', 'CI of shop', '--scope', 'read', '--expires', '30d']);
  assert.equal(made.code, 0, made.stderr);
  assert.match(made.stdout, /^pp_[0-9A-Za-z]{49}\n$/);
  const token = made.stdout.trim();
  assert.equal((await account(token)).status, 200);
  const prefix = token.slice(0, 9);
  const listed = (await user.paas(['tokens'])).stdout;
  assert.match(listed, new RegExp(`^${prefix} +CI of shop +read +.* ago\\) +.* ago\\) +\\d{4}/`, 'm'));
  assert.doesNotMatch(listed, new RegExp(token));
  const revoked = await user.paas(['tokens:revoke', prefix]);
  assert.deepEqual([revoked.code, revoked.stderr], [0, `Revoking ${prefix}... done\n`]);
  assert.equal((await account(token)).status, 401);
  const facts = { prefix, description: 'CI of shop', scope: 'read' };
  assert.deepEqual((await events('token.created')).at(-1)?.data ?? null, facts);
  assert.deepEqual((await events('token.revoked')).at(-1)?.data ?? null, facts);
});

test('a token can be revoked by its id or by the whole token, which is not sent', async () => {
  const { id } = JSON.parse((await user.paas(['tokens:create', '--json'])).stdout);
  assert.equal((await user.paas(['tokens:revoke', id])).code, 0);
  const token = (await user.paas(['tokens:create'])).stdout.trim();
  const { code, stderr } = await user.paas(['tokens:revoke', token]);
  assert.deepEqual([code, stderr], [0, `Revoking ${token.slice(0, 9)}... done\n`]);
});

test('without options a token may do everything and is valid until it is revoked', async () => {
  const document = JSON.parse((await user.paas(['tokens:create', '--json'])).stdout);
  assert.deepEqual([document.scope, document.expires_at, document.access_token.expires_in], [['global'], null, null]);
  const info = await api.ask('GET', `/oauth/authorizations/${document.id}`);
  assert.deepEqual([info.json.prefix, info.json.access_token.token], [document.prefix, null], 'never shown again');
});

test('--expires takes minutes, hours or days', async () => {
  for (const [text, seconds] of [
    ['90m', 5400],
    ['12h', 43_200],
    ['30d', 2_592_000],
  ] as const) {
    const document = JSON.parse((await user.paas(['tokens:create', '-e', text, '--json'])).stdout);
    assert.ok(Math.abs(document.access_token.expires_in - seconds) <= 60, `${document.access_token.expires_in}`);
  }
  for (const text of ['30', '1w', '-1d', '0d', 'soon']) {
    assert.equal((await user.paas(['tokens:create', `--expires=${text}`])).code, 2, text);
  }
});

test("a missing token, or another account's, is an error with the next command", async () => {
  const [theirs] = await api.store.tokens.list(api.stranger.actor.accountId);
  for (const name of ['pp_nobody', theirs?.id ?? '', theirs?.prefix ?? '']) {
    const { code, stderr } = await user.paas(['tokens:revoke', name]);
    assert.notEqual(code, 0);
    assert.match(stderr, /You have no token .*See your tokens: paas tokens/s);
    assert.equal((await api.ask('GET', `/oauth/authorizations/${name}`)).status, 404);
  }
  assert.equal((await account(api.stranger.token)).status, 200);
});

test('a description is one line', async () => {
  for (const description of ['a\nb', '\u001b[2J', 'x'.repeat(201)]) {
    const answer = await api.ask('POST', '/oauth/authorizations', { body: { description } });
    assert.equal(answer.json.id, 'invalid_params', description);
  }
});

test("a command that the token's scope forbids says which scope allows it", async () => {
  const reader = await CliUser.create();
  try {
    reader.logIn(api.url, await api.tokenOf(api.owner, 'read'));
    const { code, stderr } = await reader.paas(['create', 'shop', '-n']);
    assert.notEqual(code, 0);
    assert.match(stderr, /needs a token of the scope global, and yours has read.*tokens:create --scope global/s);
    assert.equal((await reader.paas(['apps'])).code, 0);
  } finally {
    await reader[Symbol.asyncDispose]();
  }
});
