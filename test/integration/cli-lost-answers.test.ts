import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { known } from '../../src/cli/going-live.ts';
import { UnansweredError } from '../../src/cli/unanswered.ts';
import { type ApiFixture, startApi } from '../support/api.ts';
import { CliUser } from '../support/cli.ts';
import { cuttingProxy, type Fate } from '../support/cutting-proxy.ts';
import { eventually } from '../support/eventually.ts';
import { deadPort } from '../support/resolver.ts';

let api: ApiFixture;
let user: CliUser;
let proxy: Awaited<ReturnType<typeof cuttingProxy>>;
/** What becomes of the requests that come next; afterwards they are passed on. */
let fates: { read: Fate[]; change: Fate[] };
const changes: string[] = [];

before(async () => {
  api = await startApi();
  proxy = await cuttingProxy(api.url, ({ method = '', url = '' }) => {
    if (method === 'GET') return fates.read.shift() ?? 'pass';
    changes.push(`${method} ${url}`);
    return fates.change.shift() ?? 'pass';
  });
  user = await CliUser.create();
  user.logIn(proxy.url, api.owner.token);
  await api.deploy(await api.newApp('shop'));
  await api.newApp('doomed');
  await writeFile(join(user.home, '.env'), 'B=2\n');
  await api.operations.addDomain(
    (await api.store.apps.findByName('shop')) ?? assert.fail(),
    'old.example.com',
    api.owner.actor,
  );
});

after(async () => {
  await user[Symbol.asyncDispose]();
  await proxy[Symbol.asyncDispose]();
  await api[Symbol.asyncDispose]();
});

function lose(lost: { readonly read?: readonly Fate[]; readonly change?: readonly Fate[] }): void {
  fates = { read: [...(lost.read ?? [])], change: [...(lost.change ?? [])] };
  changes.length = 0;
}

const config = /The change may still go live: paas releases -a shop$/m;
const effect = (command: string) => new RegExp(`The change may still take effect: paas ${command}`);
const lostChanges: readonly (readonly [line: string, says: RegExp])[] = [
  ['config:set A=1 -a shop', config],
  ['config:import .env -a shop', config],
  ['config:unset A -a shop', config],
  ['releases:rollback v1 -a shop', config],
  ['ps:scale web=1 -a shop', effect('ps -a shop')],
  ['ps:restart -a shop', effect('ps -a shop')],
  ['ps:restart web -a shop', effect('ps -a shop')],
  ['ps:restart web.1 -a shop', effect('ps -a shop')],
  ['ps:stop worker -a shop', effect('ps -a shop')],
  ['ps:stop worker.1 -a shop', effect('ps -a shop')],
  ['run:detached true -a shop', /The command may have been started: paas ps -a shop/],
  ['run true -a shop', /The command may have been started: paas ps -a shop/],
  ['domains:add www.example.com -a shop', effect('domains -a shop')],
  ['domains:remove old.example.com -a shop', effect('domains -a shop')],
  ['maintenance:on -a shop', effect('apps, paas maintenance -a ')],
  ['cache:purge -a shop', /purging it again does no harm: paas cache:purge -a shop/],
  ['tokens:create', /A token that nobody knows may have been made: paas tokens, and then paas tokens:revoke/],
  ['tokens:revoke pp_none', /The token may be revoked: paas tokens$/m],
  ['create fresh -n', /The app may have been made: paas apps$/m],
  ['destroy doomed --confirm doomed', /The app may be gone: paas apps$/m],
];

test('each command that changes something says what may be so when its answer was lost, and asks once', async () => {
  for (const [line, says] of lostChanges) {
    lose({ change: ['reset'] });
    const { code, stdout, stderr } = await user.paas([...line.split(' '), '--json']);
    assert.equal(code, 1, line);
    assert.match(stderr, says, line);
    assert.equal(changes.length, 1, `${line}: ${changes}`);
    const { error } = JSON.parse(stdout);
    assert.equal(error.may_be_done, true, line);
    assert.equal(error.id, 'unavailable', line);
    assert.match(error.see, /^paas /, line);
  }
});

test('however the answer is lost, the change is not repeated and the words are the same', async () => {
  for (const fate of ['reset unread', 'reset', 'cut', 'page', 'H13', 'closing'] as const) {
    lose({ change: [fate] });
    const { code, stderr } = await user.paas(['config:set', `A=${fate}`, '-a', 'shop']);
    assert.ok(code === 1 || code === 2, `${fate}: ${code}`);
    assert.match(stderr, config, fate);
    assert.equal(changes.length, 1, fate);
  }
});

test('a change that was certainly not made is repeated, or refused without a doubt', async () => {
  lose({ change: ['H99', 'H99'] });
  const waited = await user.paas(['config:set', 'A=waited', '-a', 'shop']);
  assert.equal(waited.code, 0, waited.stderr);
  assert.equal(changes.length, 3);
  lose({});
  const refused = await user.paas(['ps:scale', 'nothing=1', '-a', 'shop', '--json']);
  assert.equal(refused.code, 2);
  assert.doesNotMatch(refused.stderr, /may still/);
  assert.equal(JSON.parse(refused.stdout).error.may_be_done, false);
});

test('reads are repeated over a restart of the platform, also those that wait for a release', async () => {
  for (const fate of ['reset unread', 'reset', 'cut', 'page', 'H13', 'H99', 'closing'] as const) {
    lose({ read: [fate, fate] });
    const { code, stderr } = await user.paas(['releases', '-a', 'shop']);
    assert.deepEqual([code, stderr], [0, ''], fate);
  }
  lose({ read: ['pass', 'reset', 'reset unread', 'H99'] });
  const { code, stderr } = await user.paas(['config:set', 'A=over-a-restart', '-a', 'shop']);
  assert.equal(code, 0, stderr);
  assert.match(stderr, /done, v\d+\n$/);
});

test('a change whose going live cannot be followed may still go live', async () => {
  const cutOff = new UnansweredError('unavailable', 'The connection was closed.', { sent: false });
  await assert.rejects(known('shop', Promise.reject(cutOff)), { see: 'paas releases -a shop', hint: config });
});

test('a read and a change wait for a platform that starts a moment later', async () => {
  for (const args of [['apps'], ['config:set', 'A=later', '-a', 'shop']]) {
    lose({});
    const port = await deadPort();
    const late = await CliUser.create();
    late.logIn(`http://127.0.0.1:${port}`, api.owner.token);
    const command = late.start(args);
    let tried = 0;
    const door = createServer((_, outgoing) => {
      tried += 1;
      outgoing.writeHead(500).end();
    });
    door.listen(port, '127.0.0.1');
    await eventually('the command has reached it', () => tried > 0);
    await command.ended;
    door.close();
    door.closeAllConnections();
    await late[Symbol.asyncDispose]();
  }
});
