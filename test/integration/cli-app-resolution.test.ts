import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, beforeEach, test } from 'node:test';
import { type ApiFixture, startApi } from '../support/api.ts';
import { CliUser } from '../support/cli.ts';

let api: ApiFixture;
let user: CliUser;
let repo: string;
let count = 0;

before(async () => {
  api = await startApi();
  user = await CliUser.create();
  user.logIn(api.url, api.owner.token, api.owner.actor.email);
  for (const name of ['shop', 'shop-staging']) await api.newApp(name);
});

after(async () => {
  await user[Symbol.asyncDispose]();
  await api[Symbol.asyncDispose]();
});

beforeEach(async () => {
  repo = await user.repository(`repo${++count}`);
});

/** The app that a command chooses. */
async function meant(args: readonly string[] = [], env: Readonly<Record<string, string>> = {}): Promise<string> {
  const { code, stdout, stderr } = await user.paas(['info', '--json', ...args], { cwd: repo, env });
  return code === 0 ? JSON.parse(stdout).app.name : stderr;
}

const remote = (name: string, app: string) =>
  user.git(repo, 'remote', 'add', name, `http://git.localhost:8080/${app}.git`);

test('the flag takes precedence over the environment, and the environment over the git remote', async () => {
  await remote('paas', 'shop-staging');
  assert.equal(await meant(['-a', 'shop'], { PAAS_APP: 'other' }), 'shop');
  assert.equal(await meant([], { PAAS_APP: 'shop' }), 'shop');
  assert.equal(await meant([], { HEROKU_APP: 'shop' }), 'shop');
  assert.equal(await meant([]), 'shop-staging');
});

test('with two remotes, a flag chooses one for a command and git config for all', async () => {
  await remote('paas', 'shop');
  await user.paas(['git:remote', '-a', 'shop-staging', '-r', 'staging'], { cwd: repo });
  assert.equal(await meant(['-r', 'staging']), 'shop-staging');
  await user.git(repo, 'config', 'paas.remote', 'staging');
  assert.equal(await meant(), 'shop-staging');
});

test('two remotes without a choice are an error that says how to choose', async () => {
  for (const [name, app] of [
    ['production', 'shop'],
    ['staging', 'shop-staging'],
  ] as const) {
    await user.paas(['git:remote', '-a', app, '-r', name], { cwd: repo });
  }
  const { code, stderr, stdout } = await user.paas(['config'], { cwd: repo });
  assert.equal(code, 1);
  assert.equal(stdout, '');
  assert.equal(
    stderr,
    ` ›   Error: Multiple apps in git remotes
 ›     Usage: --remote staging
 ›        or: --app shop-staging
 ›     Your local git repository has more than 1 app referenced in git remotes.
 ›     Because of this, we can't determine which app you want to run this command against.
 ›     Specify the app you want with --app or --remote, or once for all: git config paas.remote production
 ›     paas remotes in repo:
 ›       production (shop)
 ›       staging (shop-staging)
`,
  );
});

test('a remote on another server does not name an app', async () => {
  await user.git(repo, 'remote', 'add', 'origin', 'https://git.example.com/team/website.git');
  const { code, stderr } = await user.paas(['config'], { cwd: repo });
  assert.equal(code, 2);
  assert.match(stderr, /Which app\? This folder has no git remote of an app\.\n ›\n › {3}Name it with --app NAME/);
});

test('a missing remote is named in the error', async () => {
  assert.match(await meant(['-r', 'nope']), /This folder has no git remote nope\./);
});

test("an empty --app, as from an unset variable, is an error and not this folder's app", async () => {
  const { code, stdout, stderr } = await user.paas(['config:set', 'A=1', '--app', ''], { env: { PAAS_APP: 'shop' } });
  assert.deepEqual({ code, stdout }, { code: 2, stdout: '' });
  assert.match(stderr, /Error: --app names no app: it is empty\./);
});

test('outside a repository the app must be named', async () => {
  const { code, stderr } = await user.paas(['config'], { cwd: user.home });
  assert.equal(code, 2);
  assert.match(stderr, /Which app\?/);
});

test('create adds the remote, and git finds the token without asking', async () => {
  const { code, stdout, stderr } = await user.paas(['create', `made${count}`], { cwd: repo });
  assert.equal(code, 0);
  const [webUrl, gitUrl] = stdout.trim().split(' | ');
  assert.match(webUrl ?? '', new RegExp(`^http://made${count}\\.localhost`));
  assert.equal(await user.git(repo, 'remote', 'get-url', 'paas'), gitUrl);
  assert.equal(stderr, `Creating made${count}... done\nGit remote paas added. Deploy with: git push paas main\n`);
  const origin = new URL(gitUrl ?? '');
  const asked = `protocol=http\nhost=${origin.host}\n\n`;
  const env = { ...user.env, GIT_TERMINAL_PROMPT: '0' } as NodeJS.ProcessEnv;
  const answer = execFileSync('git', ['credential', 'fill'], { cwd: repo, env, input: asked, encoding: 'utf8' });
  assert.match(answer, new RegExp(`password=${api.owner.token}\\n`));
});

test("git sends the token only to the platform's server, and asks no other helper", async () => {
  await user.git(
    repo,
    'config',
    '--global',
    'credential.helper',
    '!echo password=from-elsewhere; echo username=x; true',
  );
  await user.paas(['create'], { cwd: repo });
  const gitUrl = await user.git(repo, 'remote', 'get-url', 'paas');
  const env = { ...user.env, GIT_TERMINAL_PROMPT: '0' } as NodeJS.ProcessEnv;
  const fill = (host: string) =>
    execFileSync('git', ['credential', 'fill'], {
      cwd: repo,
      env,
      input: `protocol=http\nhost=${host}\n\n`,
      encoding: 'utf8',
    });
  assert.match(fill(new URL(gitUrl).host), new RegExp(`password=${api.owner.token}`));
  assert.match(fill('git.example.com'), /password=from-elsewhere/);
  await user.git(repo, 'config', '--global', '--unset-all', 'credential.helper');
});

test('create does not change a remote that points elsewhere, and says what to do', async () => {
  await remote('paas', 'shop');
  const { code, stderr } = await user.paas(['create', `second${count}`], { cwd: repo });
  assert.equal(code, 0);
  assert.match(
    stderr,
    /Warning: The git remote paas points to http:\/\/git\.localhost:8080\/shop\.git and was not changed\./,
  );
  assert.match(stderr, new RegExp(`paas git:remote --app second${count} --remote second${count}`));
  assert.equal(await user.git(repo, 'remote', 'get-url', 'paas'), 'http://git.localhost:8080/shop.git');
});

test('create on another branch says how to push that branch', async () => {
  await user.git(repo, 'symbolic-ref', 'HEAD', 'refs/heads/feature');
  const { stderr } = await user.paas(['create'], { cwd: repo });
  assert.match(stderr, /^Creating app\.\.\. done, calm-river-\d+\n/);
  assert.match(stderr, /git push paas feature:main\n$/);
});

test('create outside a repository creates the app and says what to do next', async () => {
  const { code, stderr } = await user.paas(['create', `outside${count}`], { cwd: user.home });
  assert.equal(code, 0);
  assert.match(stderr, new RegExp(`git init, then paas git:remote --app outside${count}\n$`));
});

test('an address that git would run as a command does not become a remote', async () => {
  const hostile = createServer((_, response) => {
    response.end(JSON.stringify({ name: 'shop', git_url: 'ext::sh -c touch% owned', web_url: null }));
  }).listen(0, '127.0.0.1');
  await once(hostile, 'listening');
  const env = { PAAS_API: `http://127.0.0.1:${(hostile.address() as AddressInfo).port}`, PAAS_TOKEN: 'x' };
  const { code, stderr } = await user.paas(['git:remote', '-a', 'shop'], { cwd: repo, env });
  hostile.close();
  hostile.closeAllConnections();
  assert.equal(code, 1);
  assert.match(stderr, /gave an address to push to that is not HTTP: ext::sh -c touch% owned\./);
  assert.equal(await user.git(repo, 'remote'), '');
});

test('rename updates the remotes of this folder', async () => {
  await user.paas(['create', `old${count}`], { cwd: repo });
  const { code, stdout, stderr } = await user.paas(['rename', `new${count}`], { cwd: repo });
  assert.equal(code, 0, stderr);
  const gitUrl = await user.git(repo, 'remote', 'get-url', 'paas');
  assert.match(gitUrl, new RegExp(`/new${count}\\.git$`));
  assert.match(
    stdout,
    new RegExp(`^http://new${count}\\.localhost\\S* \\| ${gitUrl.replaceAll('.', '\\.')}\nGit remote paas updated\n$`),
  );
});

test("destroy removes the app's remotes from this folder", async () => {
  const repo = await user.repository('both');
  await user.paas(['create', 'kept'], { cwd: repo });
  await user.paas(['create', 'staged', '--remote', 'staging'], { cwd: repo });
  assert.equal((await user.paas(['info'], { cwd: repo })).code, 1, 'which one?');
  const { code, stdout, stderr } = await user.paas(['destroy', 'staged', '--confirm', 'staged'], { cwd: repo });
  assert.deepEqual({ code, stdout }, { code: 0, stdout: '' });
  assert.equal(stderr, 'Destroying staged... done\nGit remote staging removed\n');
  assert.equal(await user.git(repo, 'remote'), 'paas');
  assert.match((await user.paas(['info'], { cwd: repo })).stdout, /^=== kept\n/);
});

test('apps can be renamed and destroyed without git', async () => {
  const without = { cwd: user.home, env: { PATH: '/nonexistent' } };
  await user.paas(['create', 'gitless', '--no-remote'], without);
  assert.equal((await user.paas(['rename', 'gitfree', '-a', 'gitless'], without)).code, 0);
  assert.equal((await user.paas(['destroy', 'gitfree', '--confirm', 'gitfree'], without)).code, 0);
});
