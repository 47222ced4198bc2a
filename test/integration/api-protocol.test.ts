import assert from 'node:assert/strict';
import { once } from 'node:events';
import { stat } from 'node:fs/promises';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { after, before, describe, test } from 'node:test';
import { inspect } from 'node:util';
import { contract, type Endpoint } from '../../src/api/contract.ts';
import { entranceLimits } from '../../src/api/entrance-limits.ts';
import { createApi } from '../../src/api/server.ts';
import { paths } from '../../src/config/settings.ts';
import type { Clock } from '../../src/system/clock.ts';
import { systemClock } from '../../src/system/clock.ts';
import type { Logger } from '../../src/system/logger.ts';
import { silentLogger } from '../../src/system/logger.ts';
import { type ApiFixture, entranceTo, sampleStatus, startApi } from '../support/api.ts';

describe('the protocol', () => {
  let fixture: ApiFixture;
  let monotonicMs = 0;
  let healthy = true;
  const clock: Clock = { ...systemClock, monotonicMs: () => monotonicMs };

  before(async () => {
    fixture = await startApi({
      clock,
      status: async () => {
        if (healthy) return sampleStatus;
        const parts = sampleStatus.parts.map((part) => ({ ...part, state: 'down' as const }));
        return { ...sampleStatus, parts };
      },
    });
    await fixture.newApp('proto');
  });
  after(() => fixture[Symbol.asyncDispose]());

  test('version 3 is accepted under every name that clients use, and no other version', async () => {
    const { ask } = fixture;
    for (const suffix of ['', '.sdk', '.pipelines', '.filters', '.webhooks', '.review-apps', '.docker-releases']) {
      const headers = { Accept: `application/vnd.heroku+json; version=3${suffix}` };
      assert.equal((await ask('GET', '/apps/proto', { headers })).status, 200, suffix);
    }
    for (const Accept of ['*/*', 'application/json', 'text/html']) {
      const answer = await ask('GET', '/apps/proto', { headers: { Accept } });
      assert.equal(answer.status, 200, Accept);
      assert.match(answer.headers.get('content-type') ?? '', /^application\/json/);
    }
    const wrong = await ask('GET', '/apps/proto', { headers: { Accept: 'application/vnd.heroku+json; version=2' } });
    assert.equal(wrong.status, 422);
    assert.match(wrong.json.message, /version 3/);
  });

  test("each answer has its own request id, and a client's list of ids is accepted up to 7 KB", async () => {
    const { ask } = fixture;
    const ids = new Set<string | null>();
    const history = Array.from({ length: 190 }, () => '01234567-89ab-cdef-0123-456789abcdef').join(',');
    assert.ok(history.length > 7000);
    for (const path of ['/apps/proto', '/apps/none', '/nowhere', '/schema']) {
      const answer = await ask('GET', path, { headers: { 'Request-Id': history } });
      assert.notEqual(answer.status, 431);
      assert.match(answer.headers.get('request-id') ?? '', /^[0-9a-f-]{36}$/);
      ids.add(answer.headers.get('request-id'));
    }
    assert.equal(ids.size, 4);
    const failed = await ask('GET', '/apps/none');
    assert.equal(failed.json.request_id, failed.headers.get('request-id'));
    const large = await ask('GET', '/apps/proto', { headers: { 'X-Large': 'x'.repeat(17_000) } });
    assert.equal(large.status, 431);
  });

  test('an unchanged answer is not sent again', async () => {
    const { ask } = fixture;
    const first = await ask('GET', '/apps/proto');
    const tag = first.headers.get('etag') ?? '';
    assert.match(tag, /^"[\w-]{27}"$/);
    assert.equal(first.headers.get('cache-control'), 'private, no-cache');
    for (const known of [tag, `W/${tag}`, `"x", ${tag}`]) {
      const again = await ask('GET', '/apps/proto', { headers: { 'If-None-Match': known } });
      assert.equal(again.status, 304);
      assert.equal(again.text, '');
    }
    await ask('PATCH', '/apps/proto', { body: { maintenance: true } });
    assert.equal((await ask('GET', '/apps/proto', { headers: { 'If-None-Match': tag } })).status, 200);
  });

  test('HEAD answers as GET does, without the body', async () => {
    const { ask } = fixture;
    for (const path of ['/healthz', '/apps/proto', '/apps/proto/releases', '/apps/none']) {
      const [head, get] = [await ask('HEAD', path), await ask('GET', path)];
      assert.deepEqual([head.status, head.text], [get.status, ''], path);
      for (const name of ['etag', 'content-type', 'content-length', 'accept-ranges'])
        if (path !== '/apps/none') assert.equal(head.headers.get(name), get.headers.get(name), `${name} of ${path}`);
    }
    assert.equal((await ask('HEAD', '/apps/proto', { token: null })).status, 401);
    assert.equal((await ask('HEAD', '/log-sessions/none')).status, 404);
  });

  test('an unknown endpoint answers in the form of all errors', async () => {
    for (const [method, path] of [
      ['GET', '/nowhere'],
      ['PUT', '/apps'],
      ['POST', '/account'],
      ['GET', '/apps/proto/releases/1/nothing'],
      ['GET', `/${'x'.repeat(3000)}`],
      ['GET', '/apps/%'],
      ['GET', '/apps/%E0%A4%A'],
    ] as const) {
      const answer = await fixture.ask(method, path);
      assert.ok(answer.status === 404 || answer.status === 422, `${method} ${path.slice(0, 40)}: ${answer.status}`);
      assert.equal(typeof answer.json?.id, 'string', path);
      assert.equal(typeof answer.json.message, 'string');
      assert.ok(answer.headers.get('request-id'));
    }
  });

  test('every endpoint of the contract exists', async () => {
    for (const [operationId, endpoint] of Object.entries(contract) as [string, Endpoint][]) {
      const path = endpoint.path.replace(/\{\w+\}/g, 'x');
      const answer = await fixture.ask(endpoint.method, path, { token: null });
      assert.notEqual(answer.json?.message, 'The requested API endpoint was not found.', operationId);
      assert.ok(answer.status === 401 || endpoint.auth === 'none', `${operationId}: ${answer.status}`);
    }
  });

  test('a body of 1 MB is accepted, a larger one is not', async () => {
    const { ask } = fixture;
    const body = (bytes: number) => `{"A": "${'x'.repeat(bytes - 9)}"}`;
    const megabyte = 1024 * 1024;
    const read = await ask('PATCH', '/apps/proto/config-vars', { body: body(megabyte) });
    assert.match(read.json.message, /The value of A has/);
    const over = await ask('PATCH', '/apps/proto/config-vars', { body: body(megabyte + 1) });
    assert.equal(over.status, 413);
    assert.match(over.json.message, /larger than 1 MB/);
  });

  test('a body that is not JSON is refused, and the error does not quote it', async () => {
    const { ask } = fixture;
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'application/octet-stream', 'x\ty']) {
      const headers = { 'Content-Type': type };
      const answer = await ask('PATCH', '/apps/proto', { body: 'name=hunter2', headers });
      assert.equal(answer.status, 422, type);
      assert.match(answer.json.hint ?? answer.json.message, /JSON|json|malformed/);
      assert.doesNotMatch(answer.text, /hunter2/);
    }
  });

  test('an empty body counts as no body, with any Content-Type', async () => {
    const headers = { 'Content-Type': 'application/json' };
    const answer = await fixture.ask('POST', '/apps', { headers });
    assert.equal(answer.status, 201);
  });

  test('an upgrade to another protocol than WebSocket is answered as a plain request', async () => {
    const head =
      'GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n';
    const socket = connect(fixture.port, '127.0.0.1');
    socket.write(head);
    const [chunk] = await once(socket, 'data');
    assert.match(String(chunk), /^HTTP\/1\.1 200 /);
    socket.destroy();
  });

  test('the health check needs no token, names versions, and fails when a part is down', async () => {
    const up = await fixture.ask('GET', '/healthz', { token: null });
    assert.equal(up.status, 200);
    assert.deepEqual(up.json, { status: 'ok', versions: { paas: '0.1.0', engine: 'Docker 20.10.24' } });
    healthy = false;
    const kept = await fixture.ask('GET', '/healthz', { token: null });
    assert.equal(kept.status, 200, 'good news is kept for a second');
    monotonicMs += 1000;
    const down = await fixture.ask('GET', '/healthz', { token: null });
    healthy = true;
    assert.equal(down.status, 503);
    assert.equal(down.json.status, 'degraded');
    assert.equal((await fixture.ask('GET', '/platform/status')).json.capacity.cloudlets_total, 64);
  });

  test('the unix socket serves the same API to its owner only, and needs the token too', async () => {
    const path = paths(fixture.settings.home).apiSocket;
    assert.equal((await stat(path)).mode & 0o777, 0o600);
    const get = (headers: Record<string, string>) =>
      new Promise<IncomingMessage>((resolve, reject) => {
        httpRequest({ socketPath: path, path: '/account', headers }, resolve).on('error', reject).end();
      });
    const closed = await get({});
    assert.equal(closed.statusCode, 401);
    closed.resume();
    const open = await get({ Authorization: `Bearer ${fixture.owner.token}` });
    assert.equal(open.statusCode, 200);
    assert.match(await text(open), /owner@example\.com/);
  });

  test('a taken port or socket is an error that names the setting', async () => {
    const { settings, store, operations, appLog, port } = fixture;
    const options = {
      entrance: entranceTo(store, entranceLimits(settings)),
      ...{ store, operations, appLog, logger: silentLogger },
      status: async () => sampleStatus,
      capacity: async () => sampleStatus.capacity,
      memoryUse: async () => new Map(),
    };
    const samePort = createApi({ ...options, settings: { ...settings, apiPort: port } });
    await assert.rejects(samePort.listen(), {
      code: 'conflict',
      message: new RegExp(String(port)),
      hint: /PAAS_API_PORT/,
    });
    await samePort.close();
    const sameSocket = createApi({ ...options, settings });
    await assert.rejects(sameSocket.listen(), { code: 'conflict', hint: /PAAS_HOME/ });
    await sameSocket.close();
    assert.equal((await fixture.ask('GET', '/account')).status, 200);
  });

  test('a defect shows its request id and nothing else', async () => {
    const { operations, ask } = fixture;
    const restart = operations.restart;
    operations.restart = async () => {
      throw new TypeError('canary: cannot read /var/lib/paas/keys/root');
    };
    const answer = await ask('DELETE', '/apps/proto/dynos');
    operations.restart = restart;
    assert.equal(answer.status, 500);
    assert.equal(answer.json.id, 'internal_server_error');
    assert.doesNotMatch(answer.text, /canary|keys/);
    assert.match(answer.json.message, new RegExp(answer.headers.get('request-id') ?? '-'));
  });

  test('concurrent health checks share one check of the platform', async () => {
    let asking = 0;
    let most = 0;
    await using crowded = await startApi({
      status: async () => {
        asking += 1;
        most = Math.max(most, asking);
        await new Promise(setImmediate);
        asking -= 1;
        const parts = sampleStatus.parts.map((part) => ({ ...part, state: 'down' as const }));
        return { ...sampleStatus, parts };
      },
    });
    await Promise.all(Array.from({ length: 200 }, () => crowded.ask('GET', '/healthz', { token: null })));
    assert.equal(most, 1);
  });

  test('the log of the API holds no token, no secret address and no value of a config var', async () => {
    const lines: string[] = [];
    const keep = (message: string, fields: object = {}) => lines.push(`${message} ${inspect(fields, { depth: 9 })}`);
    const logger: Logger = { debug: keep, info: keep, warn: keep, error: keep, child: () => logger };
    await using talkative = await startApi({ logger });
    const { ask, operations, owner } = talkative;
    const app = await talkative.newApp('talk');
    await talkative.deploy(app);
    await ask('PATCH', '/apps/talk/config-vars', { body: { A: 'hunter2-canary', 'B-': 'hunter2-canary' } });
    await ask('PATCH', '/apps/talk/config-vars', { body: '{"A": hunter2-canary' });
    await ask('GET', '/apps/talk/config-vars?token=hunter2-canary');
    await ask('GET', '/account', { token: null, headers: { Authorization: `Basic ${btoa(':hunter2-canary')}` } });
    const log = (await ask('POST', '/apps/talk/log-sessions')).json.logplex_url;
    await fetch(log);
    const dyno = (await ask('POST', '/apps/talk/dynos', { body: { command: 'ls', attach: true } })).json.attach_url;
    await ask('GET', new URL(dyno).pathname);
    operations.restart = async () => {
      throw new TypeError('a defect');
    };
    await ask('DELETE', '/apps/talk/dynos');
    const all = lines.join('\n');
    assert.match(all, /a defect/);
    assert.match(all, /\/apps\/:app\/config-vars/);
    for (const secret of [owner.token, 'hunter2-canary', btoa(':hunter2-canary')])
      assert.ok(!all.includes(secret), secret);
    for (const address of [log, dyno]) assert.ok(!all.includes(address.split('/').at(-1)), address);
  });

  test('no string in any body causes an internal error', async () => {
    const payloads = [
      '$(touch C)',
      '`id`',
      '; id',
      '&& id',
      '| id',
      '\n',
      "'",
      '"',
      '%0a',
      '${IFS}',
      '\r',
      '\0',
      '../..',
    ];
    for (const [operationId, endpoint] of Object.entries(contract) as [string, Endpoint][]) {
      if (!endpoint.body || endpoint.auth === 'none') continue;
      const path = endpoint.path.replace('{app}', 'proto').replace(/\{\w+\}/g, 'web');
      for (const payload of payloads) {
        for (const body of [
          { name: payload, region: payload, stack: payload },
          { [payload]: payload },
          { release: payload },
          { updates: [{ type: payload, quantity: payload, size: payload }] },
          { quantity: payload },
          { size: payload },
          { command: payload, env: { [payload]: payload }, size: payload },
          { lines: payload, dyno: payload, source: payload },
          { dyno: payload },
          { hostname: payload },
        ]) {
          const { status, text } = await fixture.ask(endpoint.method, path, { body });
          assert.ok(status < 500, `${operationId} ${JSON.stringify(body)}: ${status} ${text}`);
        }
      }
    }
  });

  test('an account over the rate limit must wait, and others need not', async () => {
    const person = await fixture.signUp('eager@example.com');
    let left = Number(
      (await fixture.ask('GET', '/account', { token: person.token })).headers.get('ratelimit-remaining'),
    );
    assert.equal(left, 4499);
    const batch = 100;
    while (left > 0) {
      const asked = Math.min(batch, left);
      await Promise.all(Array.from({ length: asked }, () => fixture.ask('GET', '/addons', { token: person.token })));
      left -= asked;
    }
    const refused = await fixture.ask('GET', '/account', { token: person.token });
    assert.equal(refused.status, 429);
    assert.equal(refused.json.id, 'rate_limit');
    assert.equal(refused.headers.get('ratelimit-remaining'), '0');
    assert.equal((await fixture.ask('GET', '/account')).status, 200);
    monotonicMs += 60_000;
    assert.equal((await fixture.ask('GET', '/account', { token: person.token })).status, 200);
  });
});
