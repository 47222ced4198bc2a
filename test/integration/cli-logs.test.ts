// biome-ignore-all lint/suspicious/noControlCharactersInRegex: the test checks what reaches a terminal.
import assert from 'node:assert/strict';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';
import type { App } from '../../src/domain/app.ts';
import { defaultInstanceSize } from '../../src/domain/instance-size.ts';
import type { LogLine } from '../../src/domain/log-line.ts';
import { type ApiFixture, startApi } from '../support/api.ts';
import { CliUser } from '../support/cli.ts';
import { eventually } from '../support/eventually.ts';

let api: ApiFixture;
let user: CliUser;
let shop: App;
let clock = Date.parse('2026-11-22T07:30:10.000Z');

before(async () => {
  api = await startApi();
  user = await CliUser.create();
  user.logIn(api.url, api.owner.token);
  shop = await api.newApp('shop');
  say('build', 'build', '-----> Node.js app detected', 2);
  say('app', 'web.1', 'listening on 5000', 2);
  say('platform', 'web.1', 'State changed from starting to up', 2);
  say('app', 'worker.1', 'working', 1);
});

after(async () => {
  await user[Symbol.asyncDispose]();
  await api[Symbol.asyncDispose]();
});

function say(source: LogLine['source'], process: string, text: string, release: number | null = null): void {
  clock += 1000;
  api.appLog.write(shop.id, { at: new Date(clock), source, process, release, text });
}

const logs = async (...args: readonly string[]) => (await user.paas(['logs', '-a', 'shop', ...args])).stdout;

test('logs prints the newest lines, oldest first', async () => {
  const all = await logs();
  assert.equal(all.split('\n').length, 5);
  assert.match(all, /^2026-11-22T07:30:11\.\d+\+00:00 \w+\[build\]: -----> Node\.js app detected\n/);
  assert.match(all, /\n\S+ app\[web\.1\]: listening on 5000\n/);
  assert.match(await logs('-n', '1'), /^\S+ app\[worker\.1\]: working\n$/);
});

test('logs can show only one instance, process type, source or release', async () => {
  assert.match(await logs('--dyno', 'worker.1'), /^\S+ app\[worker\.1\]: working\n$/);
  assert.match(await logs('-p', 'web', '-s', 'app'), /^\S+ app\[web\.1\]: listening on 5000\n$/);
  assert.match(await logs('--source', 'build'), /^\S+ \w+\[build\]: -----> Node\.js app detected\n$/);
  assert.match(await logs('--release', 'v1'), /^\S+ app\[worker\.1\]: working\n$/);
});

test('logs of an instance that neither runs nor has left lines is an error that names those that run', async () => {
  const empty = await user.paas(['logs', '-a', 'shop', '--dyno', 'web.9']);
  assert.equal(empty.code, 1);
  assert.match(empty.stderr, /Error: shop runs no web\.9, and its log has no line of it\.\n/);
  assert.match(empty.stderr, /It runs nothing now\. See: paas ps -a shop\n/);
  const busy = await api.newApp('busy');
  const { id: releaseId } = await api.deploy(busy);
  await api.store.instances.create({
    ...{ appId: busy.id, workload: { kind: 'release', releaseId }, hostId: 'host-1', type: 'web', slot: 1 },
    ...{ size: defaultInstanceSize, command: null, notBefore: null, failures: 0 },
  });
  const { code, stdout, stderr } = await user.paas(['logs', '-a', 'busy', '--json', '--tail', '-p', 'wbe']);
  assert.deepEqual([code, stdout], [1, '']);
  assert.match(stderr, /Did you mean web\?\n › {3}It runs: web\.1\b/);
  for (const known of ['web', 'web.1', 'router', 'run']) {
    assert.deepEqual(await user.paas(['logs', '-a', 'busy', '--dyno', known]), { code: 0, stdout: '', stderr: '' });
  }
  assert.equal(
    (await user.paas(['logs', '-a', 'busy', '--ps', 'worker'])).code,
    0,
    'of the formation, with no instance',
  );
  const at = new Date();
  api.appLog.write(busy.id, { at, source: 'app', process: 'run.1234', release: 1, text: 'an old one-off' });
  assert.match((await user.paas(['logs', '-a', 'busy', '--dyno', 'run.1234'])).stdout, /: an old one-off\n$/);
});

test('logs refuses an instance together with another process type', async () => {
  const { code, stderr } = await user.paas(['logs', '-a', 'shop', '--dyno-name', 'web.1', '-p', 'worker']);
  assert.equal(code, 2);
  assert.match(stderr, /Error: Name only one of web\.1 and worker\./);
});

test('logs --json prints one document per line', async () => {
  const [line = ''] = (await logs('--json', '-p', 'worker')).split('\n');
  assert.deepEqual(
    { ...JSON.parse(line), at: null },
    { at: null, source: 'app', process: 'worker.1', text: 'working' },
  );
});

test('logs --tail prints new lines until it is stopped', async () => {
  const following = user.start(['logs', '--tail', '-n', '1', '-a', 'shop']);
  await eventually('the old line is there', () => following.stdout.text.includes('working'));
  say('app', 'web.1', 'a new line');
  await eventually('the new line is there', () => following.stdout.text.endsWith('app[web.1]: a new line\n'));
  following.stop();
  await following.ended;
  assert.equal(following.stdout.text.split('\n').length, 3);
});

test('on a terminal each process has its colour, apps may use colours, and other control sequences are removed', async () => {
  say('app', 'web.1', 'plain \x1b[31mred\x1b[2J\x1b]0;owned\x07', 3);
  const terminal = { colourDepth: 8 };
  const { stdout } = await user.paas(['logs', '-a', 'shop', '--release', '3'], { terminal });
  assert.match(stdout, /^\x1b\[36m\S+ app\[web\.1\]:\x1b\[39m plain \x1b\[31mred\x1b\[0m\n$/);
  assert.match(await logs('--release', '3'), / app\[web\.1\]: plain red\n$/);
});

/** An unreliable log server: each entry of the script is the behaviour of one connection. */
async function unreliable(script: readonly ((request: IncomingMessage, response: ServerResponse) => void)[]) {
  const seen: { url: string; lastEventId: string | undefined }[] = [];
  let sessions = 0;
  const server = createServer((request, response) => {
    if (request.method === 'POST') {
      request.resume();
      response.writeHead(201, { 'Content-Type': 'application/json' });
      response.end(JSON.stringify({ logplex_url: `${address()}/log-sessions/s${++sessions}` }));
      return;
    }
    const step = script[seen.length];
    seen.push({ url: request.url ?? '', lastEventId: request.headers['last-event-id'] as string | undefined });
    if (step) step(request, response);
    else response.destroy();
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const address = () => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    seen,
    env: { PAAS_API: address(), PAAS_TOKEN: 'x', PAAS_APP: 'shop' },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

const events = (response: ServerResponse, ...ids: readonly number[]) => {
  response.writeHead(200, { 'Content-Type': 'text/event-stream' });
  for (const id of ids) response.write(`id: ${id}\ndata: line ${id}\n\n`);
};

test('an interrupted tail continues after the last line, with no line lost or repeated', async () => {
  await using server = await unreliable([
    (_, response) => {
      events(response, 1, 2);
      response.write('id: 3\ndata: li');
      setImmediate(() => response.destroy());
    },
    (_, response) => {
      events(response, 3);
      response.end();
    },
    (_, response) => response.writeHead(404, { 'Content-Type': 'application/json' }).end('{}'),
    (_, response) => events(response, 4),
  ]);
  const following = user.start(['logs', '--tail'], { env: server.env });
  await eventually('the last line is there', () => following.stdout.text.includes('line 4'));
  following.stop();
  assert.equal(await following.ended, 0);
  assert.equal(following.stdout.text, 'line 1\nline 2\nline 3\nline 4\n');
  assert.deepEqual(server.seen, [
    { url: '/log-sessions/s1', lastEventId: undefined },
    { url: '/log-sessions/s1', lastEventId: '2' },
    { url: '/log-sessions/s1', lastEventId: '3' },
    { url: '/log-sessions/s2', lastEventId: '3' },
  ]);
  assert.equal(following.stderr.text.match(/Warning/g)?.length, 2, 'one warning for each interruption');
});

test('without --tail an interrupted log is an error', async () => {
  await using server = await unreliable([
    (_, response) => {
      events(response, 1);
      setImmediate(() => response.destroy());
    },
  ]);
  const { code, stderr } = await user.paas(['logs'], { env: server.env });
  assert.equal(code, 1);
  assert.match(stderr, /Error/);
});
