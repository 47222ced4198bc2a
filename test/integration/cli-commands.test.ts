import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { App } from '../../src/domain/app.ts';
import { fixedSize } from '../../src/domain/instance-size.ts';
import { type ApiFixture, startApi } from '../support/api.ts';
import { CliUser } from '../support/cli.ts';
import { currentIdOf } from '../support/store-fixture.ts';

let api: ApiFixture;
let user: CliUser;
let shop: App;
const email = 'owner@example.com';
const stamp = String.raw`\d{4}\/\d\d\/\d\d \d\d:\d\d:\d\d [+-]\d{4}`;

before(async () => {
  api = await startApi();
  user = await CliUser.create();
  user.logIn(api.url, api.owner.token, email);
  shop = await api.newApp('shop');
  await api.deploy(shop);
});

after(async () => {
  await user[Symbol.asyncDispose]();
  await api[Symbol.asyncDispose]();
});

const paas = (...args: readonly string[]) => user.paas(args, { env: { PAAS_APP: 'shop' } });

test("apps lists the names below the owner's email", async () => {
  await api.newApp('atelier');
  const host = 'Host: 4 of 96 cloudlets promised, 4 kept for deploys; memory: 4.0 of 24.0 GB used, 20.0 GB free\n';
  assert.deepEqual(await paas('apps'), { code: 0, stderr: host, stdout: `=== ${email} Apps\n\natelier\nshop\n` });
  const names = JSON.parse((await paas('apps', '--json')).stdout).map(({ name }: { name: string }) => name);
  assert.deepEqual(names, ['atelier', 'shop']);
});

test("info shows an app's details, aligned, or as lines for a shell", async () => {
  const { stdout } = await paas('info', 'shop');
  assert.match(stdout, new RegExp(`^=== shop\n\nCreated At:\\s+${stamp}\nDynos:\\s+web: 1, worker: 0\nGit URL:`));
  assert.match(stdout, /\nOwner: +owner@example\.com\n/);
  assert.match((await paas('info', '-s')).stdout, /^git_url=\S+\nmaintenance=off\nname=shop\n/m);
});

test('ps shows processes by type with their command, or says that there are none', async () => {
  const one = await api.store.instances.create({
    appId: shop.id,
    workload: { kind: 'release', releaseId: await currentIdOf(api.store, shop) },
    hostId: 'host-1',
    type: 'web',
    slot: 1,
    size: fixedSize(4),
    command: null,
    notBefore: null,
    failures: 0,
  });
  const seen = new Date(one.createdAt.getTime() + 90_000);
  const ps = (args: readonly string[]) => user.paas(['ps', ...args, '-a', 'shop'], { now: seen });
  const { stdout } = await ps([]);
  assert.match(
    stdout,
    new RegExp(`^=== web \\(4\\): node server\\.js \\(1\\)\n\nweb\\.1: starting ${stamp} \\(~ 1m ago\\)\n$`),
  );
  await api.store.instances.observe(one.id, { state: 'starting', containerId: 'c1' });
  await api.store.instances.observe(one.id, { state: 'up', upAt: one.createdAt });
  const up = await ps([]);
  assert.match(up.stdout, new RegExp(`\nweb\\.1: up ${stamp} \\(~ 1m ago\\), 40 MB\n$`));
  assert.match(up.stderr, /^Reserved 512 MB, used 40 MB\. Host: 4 of 96 cloudlets promised, .*20\.0 GB free\n$/);
  const [json] = JSON.parse((await ps(['--json'])).stdout);
  assert.deepEqual([json.cloudlets, json.memory_bytes], [{ reserved: 4, limit: 4 }, 40 * 2 ** 20]);
  assert.match((await paas('apps')).stdout, /\natelier\nshop +1 instance, 512 MB reserved, 40 MB used\n$/);
  const { capacity } = JSON.parse((await paas('apps', '--json')).stdout)[1];
  assert.deepEqual(capacity.cloudlets, { reserved: 4, limit: 4 });
  assert.equal((await ps(['worker'])).stdout, 'No worker dynos on shop\n');
  assert.equal(JSON.parse((await ps(['--json'])).stdout)[0].name, 'web.1');
  assert.equal((await user.paas(['ps', '-a', 'atelier'])).stdout, 'No dynos on atelier\n');
});

test('ps:scale sets, steps and resizes, and prints the formation in the form that it takes', async () => {
  assert.deepEqual(await paas('ps:scale', 'web=2', 'worker+1:1G'), {
    code: 0,
    stdout: '',
    stderr: 'Scaling dynos... done, now running web at 2:4, worker at 1:8\n',
  });
  const { stdout } = await paas('scale');
  assert.equal(stdout, 'web=2:4 worker=1:8\n');
  const again = await paas('scale', ...stdout.trim().split(' '));
  assert.match(again.stderr, /done, now running web at 2:4, worker at 1:8\n$/);
  assert.match((await paas('scale', 'web-1')).stderr, /now running web at 1:4\n$/);
  assert.match((await paas('scale', 'web=2:1-8')).stderr, /now running web at 2:1-8\n$/);
  assert.match((await paas('scale')).stdout, /^web=2:1-8 /);
  const sized = await paas('scale', 'worker', 'web=2:3', '--size', '128M-1G');
  assert.match(sized.stderr, /now running worker at 1:1-8, web at 2:3\n$/);
  assert.match((await paas('scale', 'worker')).stderr, /worker is invalid/);
  assert.match((await paas('scale', 'web=2:8-1')).stderr, /8 reserved cloudlets are more than its limit of 1/);
});

test("ps:scale names an argument that it cannot parse, and shows the platform's refusal", async () => {
  const wrong = await paas('ps:scale', 'web:2');
  assert.equal(wrong.code, 2);
  assert.match(wrong.stderr, /web:2 is invalid\. Must be in the format web=2, worker\+1 or web=3:1-8\./);
  const refused = await paas('ps:scale', 'nope=1');
  assert.equal(refused.code, 2);
  assert.match(
    refused.stderr,
    /^Scaling dynos\.\.\. !\n.*shop has no process type nope\.\n ›\n › {3}Error ID: not_found\n$/s,
  );
});

for (const [args, process, words] of [
  [['ps:restart'], null, 'Restarting all dynos on shop'],
  [['restart', 'web'], 'web', 'Restarting all web dynos on shop'],
  [['ps:restart', '-p', 'web'], 'web', 'Restarting all web dynos on shop'],
  [['ps:restart', '--dyno', 'web.1'], 'web.1', 'Restarting dyno web.1 on shop'],
  [['ps:restart', '--dyno-name=web.1'], 'web.1', 'Restarting dyno web.1 on shop'],
  [['ps:stop', 'run.12'], 'run.12', 'Stopping dyno run.12 on shop'],
  [['kill', '-d', 'run.12'], 'run.12', 'Stopping dyno run.12 on shop'],
  [['stop', 'worker'], 'worker', 'Stopping all worker dynos on shop'],
] as const) {
  test(`${args.join(' ')} acts on ${process ?? 'all'}`, async () => {
    assert.deepEqual(await paas(...args), { code: 0, stdout: '', stderr: `${words}... done\n` });
    assert.equal(api.operations.asked.at(-1)?.process, process);
  });
}

test('ps:stop without a name stops nothing', async () => {
  const before = api.operations.asked.length;
  assert.equal((await paas('ps:stop')).code, 2);
  assert.equal(api.operations.asked.length, before);
});

test('releases lists the newest first and marks the current one', async () => {
  await paas('config:set', 'A=1');
  const { stdout } = await paas('releases', '-n', '2');
  const lines = stdout.split('\n');
  assert.match(lines[0] ?? '', /^=== shop Releases - Current: v\d+$/);
  assert.match(lines[2] ?? '', /^v\s+description\s+user\s+created_at$/);
  assert.match(lines[3] ?? '', /^─+ {2}─+ {2}─+ {2}─+$/);
  assert.match(lines[4] ?? '', new RegExp(`^v\\d+\\s+config\\s+owner@example\\.com\\s+${stamp} \\(~ \\ds ago\\)$`));
  assert.equal(lines.length, 7, 'two rows and an end');
});

test('releases:info shows a release with its config vars', async () => {
  const { stdout } = await paas('releases:info', 'v1');
  assert.match(
    stdout,
    new RegExp(
      `^=== Release v1\n\nBy:\\s+owner@example\\.com\nChange:\\s+create\nEligible for Rollback\\?: No\nWhen:\\s+${stamp}`,
    ),
  );
  assert.match(stdout, /\n=== v1 Config vars\n$/);
  assert.match((await paas('releases:info', '--json')).stdout, /"config": \{\n {4}"A": "1"/);
});

test('rollback goes back to the release before, and says how to undo it', async () => {
  await paas('config:set', 'A=2');
  const current = JSON.parse((await paas('releases', '--json', '-n', '1')).stdout)[0].version;
  const { code, stderr } = await paas('rollback');
  assert.equal(code, 0);
  assert.equal(
    stderr,
    `Rolling back shop to v${current - 1}... done, v${current + 1}
 ›   Warning: Rollback affects code and config vars; it doesn't add or remove addons.
 ›   Warning: To undo, run: paas rollback v${current}
`,
  );
  assert.equal((await paas('config:get', 'A')).stdout, '1\n');
  assert.match((await paas('rollback', 'v999')).stderr, /Rolling back shop to v999\.\.\. !\n.*no release "v999"/s);
  const word = await paas('rollback', 'yesterday');
  assert.equal(word.code, 2);
  assert.match(word.stderr, /^ › {3}Error: yesterday is not a release\. Releases are numbered v1, v2/);
});

test('domains are added, listed and removed', async () => {
  const added = await paas('domains:add', 'www.example.com');
  assert.equal(added.stderr, 'Adding www.example.com to shop... done\n');
  assert.match(added.stdout, /^Configure your app's DNS provider to point to the DNS Target \S+\.\n$/);
  const { stdout } = await paas('domains');
  assert.match(stdout, /^=== shop Platform Domain\n\nshop\.localhost\n\n=== shop Custom Domains\n\nDomain Name/);
  assert.match(stdout, /\nwww\.example\.com +CNAME +\S+\n$/);
  assert.equal(
    (await paas('domains:remove', 'www.example.com')).stderr,
    'Removing www.example.com from shop... done\n',
  );
  assert.doesNotMatch((await paas('domains')).stdout, /Custom/);
});

test('cache:purge lets the next build start from nothing', async () => {
  assert.deepEqual(await paas('cache:purge'), {
    code: 0,
    stdout: '',
    stderr: 'Purging the build cache of shop... done\nThe next push builds from nothing.\n',
  });
  assert.equal((await paas('builds:cache:purge', '--confirm', 'shop', '--json')).stdout, '{}\n');
  assert.match((await paas('cache:purge', '--confirm', 'another')).stderr, /Confirmation another did not match shop/);
  assert.equal((await api.store.apps.get('shop')).cacheGeneration, 2);
});

test('maintenance is switched on and off', async () => {
  assert.equal((await paas('maintenance')).stdout, 'off\n');
  assert.equal((await paas('maintenance:on')).stderr, 'Enabling maintenance mode for shop... done\n');
  assert.equal((await paas('maintenance')).stdout, 'on\n');
  assert.equal((await paas('maintenance', 'off')).stderr, 'Disabling maintenance mode for shop... done\n');
});

test('open prints the address where there is no screen, and opens only pages of the app', async () => {
  assert.match((await paas('open')).stdout, /^http:\/\/shop\.localhost\S*\/\n$/);
  assert.match((await paas('open', '/a b?c')).stdout, /\/a%20b\?c\n$/);
  assert.equal((await paas('open', 'https://example.com/')).code, 2);
});

test("destroy needs the app's name, typed or with --confirm", async () => {
  await api.newApp('doomed');
  const wrong = await user.paas(['destroy', '-a', 'doomed'], { input: 'shop\n' });
  assert.equal(wrong.code, 1);
  assert.match(wrong.stderr, /^ › {3}Warning: Destructive Action\n › {3}This command will destroy doomed/);
  assert.match(wrong.stderr, /To proceed, type doomed or re-run this command with --confirm doomed\n/);
  assert.match(wrong.stderr, / › {3}Error: Confirmation shop did not match doomed\. Aborted\.\n$/);
  assert.equal((await user.paas(['destroy', '-a', 'doomed'])).code, 1, 'nobody answers');
  assert.equal((await user.paas(['info', 'doomed'])).code, 0, 'it is still there');
  const done = await user.paas(['destroy', 'doomed', '--confirm', 'doomed']);
  assert.deepEqual(done, { code: 0, stdout: '', stderr: 'Destroying doomed... done\n' });
  await api.newApp('doomed');
  assert.equal((await user.paas(['apps:destroy', '-a', 'doomed'], { input: 'doomed\n' })).code, 0);
  const gone = await user.paas(['info', 'doomed']);
  assert.equal(gone.code, 2);
  assert.match(gone.stderr, / › {3}Error ID: not_found\n$/);
});

test("another account's app looks like a missing app", async () => {
  const other = await CliUser.create();
  other.logIn(api.url, api.stranger.token);
  const theirs = await other.paas(['info', 'shop']);
  const nobodys = await other.paas(['info', 'nobodys']);
  assert.equal(theirs.code, 2);
  assert.equal(theirs.stderr.replaceAll('shop', 'nobodys'), nobodys.stderr);
  await other[Symbol.asyncDispose]();
});

test('no app name can change the request', async () => {
  for (const name of ['..', '.', '../account', 'shop/releases', 'shop?x=1']) {
    const { code, stdout } = await user.paas(['info', '-a', name, '--json']);
    assert.deepEqual([code, Object.keys(JSON.parse(stdout))], [2, ['error']], name);
  }
});

test('paas logs shop says to use --app', async () => {
  const { code, stderr } = await paas('logs', 'other');
  assert.equal(code, 2);
  assert.match(stderr, /To choose another app: paas logs --app other\n/);
});

test('create shows the region and stack, and refuses others', async () => {
  const { stdout } = await paas('info', 'shop', '--json');
  const { region, stack } = JSON.parse(stdout).app;
  const made = await paas('create', 'placed', '--region', region.name, '-s', stack.name, '--no-remote');
  assert.equal(made.stderr, `Creating placed... done, region is ${region.name}, stack is ${stack.name}\n`);
  const refused = await paas('create', '--stack', 'heroku-24');
  assert.equal(refused.code, 2);
  assert.match(refused.stderr, /There is no stack "heroku-24": the only one is \S+\./);
});

test('create -a NAME is the same as create NAME', async () => {
  assert.equal((await paas('create', '-a', 'flagged', '-n')).stderr, 'Creating flagged... done\n');
});

test('for a taken name, create says how to choose another one or add the remote', async () => {
  const { code, stderr } = await paas('create', 'shop');
  assert.equal(code, 2);
  assert.match(stderr, /Choose another name/);
  assert.match(stderr, /paas git:remote --app NAME/);
});
