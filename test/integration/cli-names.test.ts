import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type ApiFixture, startApi } from '../support/api.ts';
import { CliUser } from '../support/cli.ts';

let api: ApiFixture;
let admin: CliUser;
let member: CliUser;

before(async () => {
  api = await startApi();
  admin = await CliUser.create();
  member = await CliUser.create();
  admin.logIn(api.url, api.owner.token);
  member.logIn(api.url, api.stranger.token);
});

after(async () => {
  await admin[Symbol.asyncDispose]();
  await member[Symbol.asyncDispose]();
  await api[Symbol.asyncDispose]();
});

test('a refused name says what to ask for, and the administrator can do it', async () => {
  const refused = await member.paas(['create', 'status', '--no-remote']);
  assert.notEqual(refused.code, 0);
  assert.match(refused.stderr, /status is reserved/);
  assert.match(refused.stderr, /paas names:allow status/);
  const forbidden = await member.paas(['names:allow', 'status']);
  assert.notEqual(forbidden.code, 0);
  assert.match(forbidden.stderr, /Only the administrator of the platform decides about names\./);
  const allowed = await admin.paas(['names:allow', 'status', '--account', 'stranger@example.com']);
  assert.deepEqual([allowed.code, allowed.stderr], [0, 'Allowing status... done\n']);
  assert.match((await member.paas(['names'])).stdout, /^status +allowed +stranger@example\.com +-$/m);
  assert.equal((await admin.paas(['names:disallow', 'status'])).code, 0);
  assert.equal(JSON.parse((await admin.paas(['names', '--json'])).stdout).length, 0);
});

test('the administrator can free the name of a destroyed app', async () => {
  const app = await api.operations.createApp('freed', api.stranger.actor);
  await api.operations.destroyApp(app, api.stranger.actor);
  assert.match((await admin.paas(['names'])).stdout, /^freed +kept +stranger@example\.com +\d{4}\//m);
  const released = await admin.paas(['names:release', 'freed', '--json']);
  assert.equal(JSON.parse(released.stdout).name, 'freed');
  assert.doesNotMatch((await admin.paas(['names'])).stdout, /freed/);
});
