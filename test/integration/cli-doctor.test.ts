import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import type { PlatformStatus } from '../../src/api/contract.ts';
import { credentialsPath } from '../../src/config/credentials.ts';
import { type ApiFixture, sampleStatus, startApi } from '../support/api.ts';
import { CliUser } from '../support/cli.ts';

let api: ApiFixture;
let user: CliUser;
let checks: PlatformStatus['checks'] = [];

before(async () => {
  api = await startApi({ status: async () => ({ ...sampleStatus, checks }) });
  user = await CliUser.create();
  user.logIn(api.url, api.owner.token);
});

after(async () => {
  await user[Symbol.asyncDispose]();
  await api[Symbol.asyncDispose]();
});

const engineUp = { name: 'engine', state: 'ok', message: 'Docker 20.10.24', fix: null } as const;

test('doctor shows the checks of the platform and of this machine, and exits with 0 when nothing fails', async () => {
  checks = [engineUp, { name: 'live restore', state: 'warning', message: 'apps stop', fix: 'Set "live-restore".' }];
  const { code, stdout, stderr } = await user.paas(['doctor']);
  assert.equal(code, 0, stdout);
  assert.match(stdout, new RegExp(`^ok {4}API +answers at ${api.url}\n`));
  assert.match(stdout, /\nok {4}clock +agrees with the platform's\n/);
  assert.match(stdout, /\nok {4}login +owner@example\.com\n/);
  assert.match(stdout, /\nok {4}engine +Docker 20\.10\.24\n/);
  assert.match(stdout, /\nwarn {2}live restore +apps stop\n +Set "live-restore"\.\n/);
  assert.match(stdout, /\nok {4}git here +\d+\.\d+\.\d+\n/);
  assert.match(stdout, /\n(ok|warn) +name resolution /);
  assert.match(stderr, /\.\.\. \d+ ok, \d+ to look at\n$/);
});

test('a failed check exits with 1 and shows the fix', async () => {
  checks = [{ name: 'stacks', state: 'failed', message: 'missing', fix: 'Make them: paas stack:rebuild' }];
  const { code, stdout } = await user.paas(['doctor']);
  assert.equal(code, 1);
  assert.match(stdout, /\nfail {2}stacks +missing\n +Make them: paas stack:rebuild\n/);
  const json = await user.paas(['doctor', '--json']);
  assert.equal(json.code, 1);
  const found = JSON.parse(json.stdout).checks.find(({ name }: { name: string }) => name === 'stacks');
  assert.deepEqual(found, checks[0]);
});

test("a clock that differs from the platform's is reported, with the difference", async () => {
  checks = [engineUp];
  const ahead = await user.paas(['doctor'], { now: new Date(Date.now() + 3_600_000) });
  assert.equal(ahead.code, 1);
  assert.match(
    ahead.stdout,
    /\nfail {2}clock +this machine is 3[56]\d\d s ahead of the platform\n +Correct the wrong clock/,
  );
  const behind = await user.paas(['doctor'], { now: new Date(Date.now() - 20_000) });
  assert.equal(behind.code, 0);
  assert.match(behind.stdout, /\nwarn {2}clock +this machine is (19|20) s behind the platform\n/);
});

test('doctor distinguishes an invalid token from a platform that is down', async () => {
  const env = { PAAS_API: api.url, PAAS_TOKEN: 'pp_old' };
  const { code, stdout } = await user.paas(['doctor'], { env });
  assert.equal(code, 1);
  assert.match(stdout, /^ok {4}API .*\nok {4}clock .*\nfail {2}login /);
});

test('doctor reports a file of logins that cannot be read', async () => {
  const other = await CliUser.create();
  other.logIn(api.url, api.owner.token);
  const file = credentialsPath(other.env);
  await writeFile(file, '{');
  const { code, stdout } = await other.paas(['doctor']);
  assert.equal(code, 1);
  assert.match(stdout, new RegExp(`^fail {2}login +${file} is damaged\\.\n +Remove it and log in again: rm `));
  assert.match(stdout, /\nok {4}git here /);
  const document = JSON.parse((await other.paas(['doctor', '--json'])).stdout);
  assert.deepEqual([document.api, document.checks[0].name], [null, 'login']);
  assert.equal((await other.paas(['apps'])).code, 1);
  await other[Symbol.asyncDispose]();
});

test('when nothing answers, doctor says what a start needs', async () => {
  const env = { PAAS_API: 'http://127.0.0.1:1' };
  const { code, stdout } = await user.paas(['doctor'], { env });
  assert.equal(code, 1);
  assert.match(
    stdout,
    /^fail {2}API +Cannot reach http:\/\/127\.0\.0\.1:1: nothing listens there\.\n +Start the platform: npm start\n/,
  );
  assert.match(stdout, /\n(ok|warn|fail) +engine /);
  assert.match(stdout, /\n(ok|warn|fail) +disk +\d/);
  assert.match(stdout, /\n(ok|warn) +web port /);
});
