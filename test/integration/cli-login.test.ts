import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createServer, type RequestListener } from 'node:http';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import { readCredentials } from '../../src/config/credentials.ts';
import { type ApiFixture, startApi } from '../support/api.ts';
import { CliUser } from '../support/cli.ts';
import { listening } from '../support/listening.ts';

let api: ApiFixture;
let user: CliUser;

before(async () => {
  api = await startApi();
});

after(() => api[Symbol.asyncDispose]());

beforeEach(async () => {
  user = await CliUser.create();
});

afterEach(() => user[Symbol.asyncDispose]());

/** A server at the address where a platform is expected. */
const serving = (listener: RequestListener) => listening(createServer(listener));

test('a valid token is saved and used from then on', async () => {
  const { code, stdout, stderr } = await user.paas(['login', '--api', api.url], { input: `${api.owner.token}\n` });
  assert.deepEqual({ code, stdout }, { code: 0, stdout: '' });
  assert.equal(stderr, `Logging in to ${api.url}... done, owner@example.com\n`);
  assert.equal((await user.paas(['whoami'])).stdout, 'owner@example.com\n');
  assert.deepEqual(Object.keys(readCredentials(user.env)), [api.url]);
});

test('a token may end without a line break, or with a Windows line break', async () => {
  for (const ending of ['', '\r\n']) {
    const { code, stderr } = await user.paas(['login', '--api', api.url], { input: `${api.owner.token}${ending}` });
    assert.equal(code, 0, stderr);
  }
});

test('a token that the platform does not know is refused and not saved', async () => {
  const { code, stderr } = await user.paas(['login', '--api', api.url], { input: 'pp_wrong\n' });
  assert.equal(code, 2);
  assert.match(stderr, new RegExp(`^Logging in to ${api.url}\\.\\.\\. !\n ›   Error: `));
  assert.match(stderr, / › {3}Error ID: unauthorized\n$/);
  assert.deepEqual(readCredentials(user.env), {});
});

test('without a login every command says how to log in, and sends no request', async () => {
  const { code, stdout, stderr } = await user.paas(['apps', '--api', api.url]);
  assert.deepEqual({ code, stdout }, { code: 1, stdout: '' });
  assert.equal(stderr, ` ›   Error: Not logged in to ${api.url}.\n ›\n ›   Log in with: paas login --api ${api.url}\n`);
});

test('PAAS_TOKEN is used and never saved', async () => {
  const env = { PAAS_API: api.url, PAAS_TOKEN: api.owner.token };
  assert.equal((await user.paas(['whoami'], { env })).stdout, 'owner@example.com\n');
  assert.deepEqual(readCredentials(user.env), {});
});

test('auth:token prints only the token, for use with curl', async () => {
  user.logIn(api.url, api.owner.token);
  assert.deepEqual(await user.paas(['auth:token']), { code: 0, stdout: `${api.owner.token}\n`, stderr: '' });
  const elsewhere = await user.paas(['auth:token', '--api', 'http://other.example.com']);
  assert.deepEqual([elsewhere.code, elsewhere.stdout], [1, '']);
});

test('login -i is the same as login', async () => {
  const { code } = await user.paas(['login', '-i', '--api', api.url], { input: api.owner.token });
  assert.equal(code, 0);
});

test('logout forgets the token, for git too', async () => {
  user.logIn(api.url, api.owner.token);
  await user.paas(['create'], { cwd: user.home });
  assert.match((await user.paas(['logout'])).stderr, /^Logging out of \S+\.\.\. done, ada@example\.com\n$/);
  assert.equal((await user.paas(['whoami', '--api', api.url])).code, 1);
  const kept = await readFile(`${user.env.XDG_CONFIG_HOME}/paas/git-credentials`, 'utf8');
  assert.doesNotMatch(kept, new RegExp(api.owner.token));
});

test('with two logins, a platform must be chosen', async () => {
  user.logIn('http://one.example.com', 'x');
  user.logIn('http://two.example.com', 'y');
  const { code, stderr } = await user.paas(['apps']);
  assert.equal(code, 2);
  assert.match(stderr, /Logged in to 2 platforms: http:\/\/one\.example\.com, http:\/\/two\.example\.com\./);
});

test('for a platform that does not answer, the error says what to do', async () => {
  const { url, [Symbol.asyncDispose]: close } = await serving(() => {});
  await close();
  user.logIn(url, 'x');
  const { code, stderr } = await user.paas(['apps']);
  assert.equal(code, 1);
  assert.equal(
    stderr,
    ` ›   Error: Cannot reach ${url}: nothing listens there.
 ›
 ›   Is the platform running? Start it with npm start, or name another one with --api URL or PAAS_API.
`,
  );
});

test('another server that answers is not mistaken for a platform', async () => {
  await using page = await serving((_, response) => response.end('<h1>hello</h1>'));
  user.logIn(page.url, 'x');
  const { code, stderr } = await user.paas(['apps']);
  assert.equal(code, 1);
  assert.match(stderr, /is not the API of a platform/);
});

test('an internal error of the platform is shown with its request id and no details', async () => {
  await using broken = await serving((_, response) => {
    response.writeHead(500, { 'Content-Type': 'application/json' });
    response.end(JSON.stringify({ id: 'internal_server_error', message: 'Internal error.', request_id: 'r-1' }));
  });
  user.logIn(broken.url, 'x');
  const { code, stderr } = await user.paas(['apps']);
  assert.equal(code, 2);
  assert.equal(stderr, ' ›   Error: Internal error.\n ›\n ›   Error ID: internal (request r-1)\n');
});

test('an error answer of another server is shown with its status', async () => {
  await using proxy = await serving((_, response) => response.writeHead(503).end('<html>busy</html>'));
  user.logIn(proxy.url, 'x');
  const { code, stderr } = await user.paas(['apps']);
  assert.equal(code, 2);
  assert.equal(stderr, ' ›   Error: The API answered 503 without a reason.\n ›\n ›   Error ID: unavailable\n');
});

test('a message from a server cannot control the terminal', async () => {
  await using hostile = await serving((_, response) => {
    response.writeHead(422, { 'Content-Type': 'application/json' });
    response.end(JSON.stringify({ id: 'invalid_params', message: 'a\x1b[2Jb\x1b]0;owned\x07c', hint: 'd\x9be' }));
  });
  user.logIn(hostile.url, 'x');
  const { stderr } = await user.paas(['apps']);
  assert.equal(stderr, ' ›   Error: abc\n ›\n ›   d\n ›\n ›   Error ID: invalid_params\n');
});

test('a login without input says how a script can do it', async () => {
  const { code, stderr } = await user.paas(['login', '--api', api.url]);
  assert.equal(code, 1);
  assert.match(stderr, /^ › {3}Error: Standard input is empty.*\n ›\n › {3}For example: paas login < token\.txt\n$/);
});
