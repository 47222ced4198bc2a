import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { contract, type Endpoint } from '../../src/api/contract.ts';
import { mintToken } from '../../src/domain/token.ts';
import { type ApiFixture, sampleStatus, startApi } from '../support/api.ts';
import { eventually } from '../support/eventually.ts';
import { GitServer } from '../support/git-server.ts';

/** Sends bytes, and nothing more. */
function dial(port: number, bytes = ''): Socket {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => undefined);
  if (bytes !== '') socket.write(bytes);
  return socket;
}

function head(method: string, path: string, fields: Readonly<Record<string, string>> = {}): string {
  const lines = Object.entries({ Host: 'localhost', ...fields }).map(([name, value]) => `${name}: ${value}\r\n`);
  return `${method} ${path} HTTP/1.1\r\n${lines.join('')}\r\n`;
}

/** All that the server sends to a client which never ends its request, until the server closes. */
const answerTo = (port: number, bytes: string) => text(dial(port, bytes));

/** Three ways to announce a body of which one byte comes. */
const slowBodies = [
  [{ 'Content-Length': '1000' }, 'x'],
  [{ 'Transfer-Encoding': 'chunked' }, '1\r\nx\r\n'],
  [{ 'Content-Length': '1000', 'Content-Type': 'application/json' }, '{'],
] as const;

const bearer = (token: string) => ({ Authorization: `Bearer ${token}` });

describe('a request without a valid token', () => {
  let fixture: ApiFixture;
  let git: GitServer;

  before(async () => {
    fixture = await startApi();
    await fixture.newApp('shop');
    git = await GitServer.start();
  });
  after(async () => {
    await fixture[Symbol.asyncDispose]();
    await git[Symbol.asyncDispose]();
  });

  const strangers = () => [{}, bearer(mintToken().token), bearer('x'), { Authorization: 'Basic !' }];

  test('is answered before its body was read, and its connection is closed, on every route', async () => {
    const rows = (Object.values(contract) as Endpoint[]).filter(({ auth }) => auth === 'token');
    const routes = rows.map(({ method, path }) => [method, path.replace(/\{\w+\}/g, 'shop')] as const);
    for (const [index, [method, path]] of routes.entries()) {
      const [fields, byte] = slowBodies[index % slowBodies.length] ?? slowBodies[0];
      const asked = strangers()[index % 4] ?? {};
      const answer = await answerTo(fixture.port, head(method, path, { ...fields, ...asked }) + byte);
      assert.match(answer, /^HTTP\/1\.1 401 /, `${method} ${path}`);
      assert.match(answer, /\r\nConnection: close\r\n/i, `${method} ${path}`);
      assert.doesNotMatch(answer, /100 Continue/);
    }
  });

  test('is answered so on routes that do not exist, or need no token', async () => {
    for (const [fields, byte] of slowBodies) {
      for (const [method, path, status] of [
        ['POST', '/nowhere', 404],
        ['PUT', '/apps', 404],
        ['POST', '/apps/%E0%A4%A', 422],
        ['GET', '/healthz', 200],
        ['GET', '/schema', 200],
        ['GET', '/log-sessions/none', 404],
        ['GET', '/build-streams/none', 404],
      ] as const) {
        const answer = await answerTo(fixture.port, head(method, path, fields) + byte);
        assert.match(answer, new RegExp(`^HTTP/1\\.1 ${status} `), `${method} ${path}`);
        assert.match(answer, /\r\nConnection: close\r\n/i, `${method} ${path}`);
      }
    }
  });

  test('is answered so by git', async () => {
    for (const asked of strangers()) {
      for (const [fields, byte] of slowBodies) {
        for (const service of ['git-receive-pack', 'git-upload-pack']) {
          const answer = await answerTo(git.port, head('POST', `/shop.git/${service}`, { ...fields, ...asked }) + byte);
          assert.match(answer, /^HTTP\/1\.1 401 /);
          assert.match(answer, /\r\nConnection: close\r\n/i);
        }
      }
    }
  });

  test('gets no 100 for its body, and one with a valid token gets it', async () => {
    const expects = { Expect: '100-continue', 'Content-Type': 'application/json', 'Content-Length': '22' };
    assert.match(await answerTo(fixture.port, head('PATCH', '/apps/shop', expects)), /^HTTP\/1\.1 401 /);
    const client = dial(fixture.port, head('PATCH', '/apps/shop', { ...expects, ...bearer(fixture.owner.token) }));
    const [first] = await once(client, 'data');
    assert.match(String(first), /^HTTP\/1\.1 100 /);
    client.write('{"maintenance": false }'.slice(0, 22));
    client.destroy();
  });

  test('to a WebSocket without a valid address loses its connection, even if it never closes it', async () => {
    const upgrade = { Connection: 'Upgrade', Upgrade: 'websocket', 'Sec-WebSocket-Version': '13' };
    const key = { 'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==' };
    const client = connect({ port: fixture.port, host: '127.0.0.1', allowHalfOpen: true });
    client.on('error', () => undefined).resume();
    client.write(head('GET', `/attach/${'x'.repeat(43)}`, { ...upgrade, ...key }));
    const drip = setInterval(() => client.write('x'), 50);
    await eventually('it is closed', () => client.closed);
    clearInterval(drip);
  });

  test('is refused without a look-up once many wrong tokens came from its client', async () => {
    const { store } = fixture;
    let lookUps = 0;
    const find = store.tokens.findBySha256;
    Object.assign(store.tokens, {
      findBySha256: (sha256: string) => {
        lookUps += 1;
        return find(sha256);
      },
    });
    const statusOf = async (token: string, client: string) => {
      const headers = { 'X-Forwarded-For': `203.0.113.1, ${client}` };
      return (await fixture.ask('GET', '/account', { token, headers })).status;
    };
    const statuses: number[] = [];
    for (let at = 0; at < 200; at += 1) statuses.push(await statusOf(mintToken().token, '198.51.100.7'));
    const refused = statuses.filter((status) => status === 429).length;
    assert.ok(refused > 150, `${refused} of 200`);
    assert.ok(lookUps < 50, `${lookUps} look-ups`);
    assert.deepEqual([...new Set(statuses)], [401, 429]);
    assert.equal(await statusOf(fixture.owner.token, '198.51.100.7'), 200, 'a valid token from there');
    const fresh = await fixture.tokenOf(fixture.owner, 'read');
    assert.equal(await statusOf(fresh, '198.51.100.7'), 200, 'a new token from there');
    assert.equal(await statusOf(mintToken().token, '198.51.100.8'), 401, 'from another client');
    for (let at = 0; at < 100; at += 1) await statusOf(mintToken().token, `2001:db8:0:7::${at}`);
    assert.equal(await statusOf(mintToken().token, '2001:db8:0:7:ffff::1'), 429, 'one client has a whole /64');
    assert.equal(await statusOf(mintToken().token, '2001:db8:0:8::1'), 401);
    Object.assign(store.tokens, { findBySha256: find });
  });

  test('takes a place of its client only while it is in progress', async () => {
    const asking = Promise.withResolvers<void>();
    await using narrow = await startApi({
      limits: { strangersPerClient: 3 },
      status: async () => {
        await asking.promise;
        return sampleStatus;
      },
    });
    const from = (client: string) =>
      narrow.ask('GET', '/healthz', { token: null, headers: { 'X-Forwarded-For': client } });
    const statuses: number[] = [];
    const all = Array.from({ length: 10 }, () => from('198.51.100.7').then(({ status }) => statuses.push(status)));
    await eventually('seven are refused', () => statuses.length === 7);
    for (const client of ['198.51.100.7', '198.51.100.8']) {
      const { status } = await narrow.ask('GET', '/account', { headers: { 'X-Forwarded-For': client } });
      assert.equal(status, 200, 'with a token');
    }
    const pipelined = dial(narrow.port, head('GET', '/healthz').repeat(10));
    const answers = text(pipelined);
    asking.resolve();
    const onOneConnection = [...(await answers).matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, code]) => code);
    assert.deepEqual(onOneConnection, ['200', '200', '200', '429']);
    await Promise.all(all);
    assert.deepEqual(statuses, [429, 429, 429, 429, 429, 429, 429, 200, 200, 200]);
    await eventually('there is room again', async () => (await from('198.51.100.7')).status === 200);
  });
});

describe('a crowd of connections', () => {
  test('without a token cuts the oldest of its own, and members are served', async () => {
    await using narrow = await startApi({ limits: { strangers: 20 } });
    const answers = () => narrow.ask('GET', '/account', { headers: { Connection: 'close' } });
    const kept = dial(narrow.port, head('GET', '/account', bearer(narrow.owner.token))).resume();
    await once(kept, 'data');
    for (const begun of ['', 'POST /apps HTTP/1.1\r\nHost: x\r\nX-Slow: ', head('GET', '/nothing').slice(0, -2)]) {
      const crowd = Array.from({ length: 100 }, () => dial(narrow.port, begun).resume());
      assert.equal((await answers()).status, 200);
      await eventually('most are cut', () => crowd.filter(({ closed }) => closed).length >= 80);
      assert.equal((await answers()).status, 200);
      for (const socket of crowd) socket.destroy();
    }
  });

  test('of one account leaves room for the others, and is told so', async () => {
    await using narrow = await startApi({ limits: { connections: 60, strangers: 20, bodies: 1_000 } });
    const { owner, stranger, port } = narrow;
    const slow = head('POST', '/apps', {
      ...bearer(owner.token),
      'Content-Length': '1000',
      'Content-Type': 'application/json',
    });
    const crowd = Array.from({ length: 100 }, () => dial(port, `${slow}{`));
    const answered = crowd.map((socket) => once(socket, 'data').then(([data]) => String(data)));
    await eventually('the account has its share', async () => (await narrow.ask('GET', '/account')).status === 429);
    const find = narrow.store.tokens.findBySha256;
    Object.assign(narrow.store.tokens, { findBySha256: () => assert.fail('a refused request was looked up') });
    const refused = await narrow.ask('GET', '/account');
    Object.assign(narrow.store.tokens, { findBySha256: find });
    assert.match(
      refused.json.message,
      /^20 requests of your account are in progress, and other accounts need room too\.$/,
    );
    assert.equal((await narrow.ask('GET', '/account', { token: stranger.token })).status, 200);
    assert.match(await Promise.any(answered), /^HTTP\/1\.1 429 /);
    for (const socket of crowd) socket.destroy();
    await eventually('it is served again', async () => (await narrow.ask('GET', '/account')).status === 200);
  });

  test('that is one connection with a thousand requests is cut', async () => {
    await using narrow = await startApi();
    let lookUps = 0;
    const find = narrow.store.tokens.findBySha256;
    Object.assign(narrow.store.tokens, {
      findBySha256: (sha256: string) => {
        lookUps += 1;
        return find(sha256);
      },
    });
    const pipelined = dial(narrow.port, head('GET', '/account', bearer(narrow.owner.token)).repeat(1_000)).resume();
    await eventually('it is cut', () => pipelined.closed);
    assert.ok(lookUps <= 64, `${lookUps} of 1,000 were looked up`);
    assert.equal((await narrow.ask('GET', '/account')).status, 200);
  });

  test('of one account keeps no more bodies in memory than its share', async () => {
    await using narrow = await startApi({ limits: { bodies: 4 } });
    const fields = { ...bearer(narrow.owner.token), 'Content-Length': '100000', 'Content-Type': 'application/json' };
    const large = { region: 'x'.repeat(100_000) };
    const two = [1, 2].map(() => dial(narrow.port, `${head('POST', '/apps', fields)}{`));
    await eventually(
      'the third is refused',
      async () => (await narrow.ask('POST', '/apps', { body: large })).status === 429,
    );
    assert.equal((await narrow.ask('POST', '/apps', { body: {} })).status, 201, 'a small one');
    assert.equal((await narrow.ask('GET', '/account')).status, 200, 'without a body');
    const other = await narrow.ask('POST', '/apps', { token: narrow.stranger.token, body: large });
    assert.equal(other.status, 422, 'the whole body was read');
    for (const socket of two) socket.destroy();
  });
});

describe('a slow client', () => {
  const quick = { graceMs: 400, sweepEveryMs: 50, minBytesPerSecond: 1_000 };

  test('that drips its body is cut, with a valid token too, and one on a slow line is not', async () => {
    await using narrow = await startApi({ limits: quick });
    const fields = { ...bearer(narrow.owner.token), 'Content-Type': 'application/json' };
    const body = JSON.stringify({ A: 'x'.repeat(6_000) });
    const patch = (bytes: number) =>
      head('POST', '/apps', { ...fields, 'Content-Length': String(bytes), Connection: 'close' });
    const drip = dial(narrow.port, patch(100_000));
    const dripping = setInterval(() => drip.write(' '), 50);
    assert.match(await text(drip), /^HTTP\/1\.1 408 .*slower than 1000 bytes a second/s);
    clearInterval(dripping);
    const line = dial(narrow.port, patch(body.length));
    for (let at = 0; at < body.length; at += 200) {
      line.write(body.slice(at, at + 200));
      await delay(50);
    }
    assert.match(await text(line), /^HTTP\/1\.1 422 /, 'the whole body was read: A is no field of an app');
  });

  test('that drips a push is cut, and one on a slow line is not', async () => {
    await using server = await GitServer.start({}, quick);
    const app = await server.newApp();
    const fields = { Authorization: server.ada.basic, 'Content-Type': 'application/x-git-receive-pack-request' };
    const path = `/${app.name}.git/git-receive-pack`;
    const drip = dial(server.port, head('POST', path, { ...fields, 'Content-Length': '100000' }));
    const dripping = setInterval(() => drip.write('0'), 50);
    assert.match(await text(drip), /^HTTP\/1\.1 408 /);
    clearInterval(dripping);
    const body = 'x'.repeat(6_000);
    const line = dial(server.port, head('POST', path, { ...fields, 'Content-Length': '6000', Connection: 'close' }));
    for (let at = 0; at < body.length; at += 200) {
      line.write(body.slice(at, at + 200));
      await delay(50);
    }
    assert.match(await text(line), /^HTTP\/1\.1 [24]0[^8] /, 'git has read all of it');
  });

  test('that does not read its answer is cut, and one that has read all of a silent log is not', async () => {
    await using narrow = await startApi({
      limits: quick,
      gitReceive: {
        isGitRequest: ({ url }) => url === '/shop.git',
        handle: (_request, response) => {
          response.end(Buffer.alloc(32 * 2 ** 20));
        },
      },
    });
    await narrow.newApp('shop');
    const opened = await narrow.ask('POST', '/apps/shop/log-sessions', { body: { tail: true } });
    const log = dial(narrow.port, head('GET', new URL(opened.json.logplex_url).pathname)).resume();
    await once(log, 'data');
    const deaf = dial(narrow.port, head('GET', '/shop.git'));
    // A client that reads nothing learns of the end when it writes.
    const writing = setInterval(() => deaf.write('\r\n'), 50);
    await eventually('the deaf one is cut', () => deaf.destroyed);
    clearInterval(writing);
    assert.equal(log.closed, false);
    log.destroy();
  });
});
