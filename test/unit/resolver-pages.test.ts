import assert from 'node:assert/strict';
import { test } from 'node:test';
import { errorLine, servedLine } from '../../src/resolver/access-log.ts';
import { explain, renderPage, unknownHost } from '../../src/resolver/error-pages.ts';
import { type HCode, hCodes } from '../../src/resolver/h-codes.ts';

const requestId = '0b0f8ad5-7d0a-4c0a-9c3e-1c8f1f3a5b77';

test('a browser gets a page with the code and the request id', () => {
  const { contentType, body } = renderPage(
    { status: 503, code: 'H12', ...explain('H12'), requestId },
    'text/html,*/*;q=0.8',
  );
  assert.equal(contentType, 'text/html; charset=utf-8');
  assert.match(body.toString(), /<h1>This app did not answer in time<\/h1>/);
  assert.match(body.toString(), new RegExp(`H12, request ${requestId}`));
});

test('a program that accepts JSON gets JSON', () => {
  const { contentType, body } = renderPage(
    { status: 503, code: 'H10', ...explain('H10'), requestId },
    'application/json',
  );
  assert.equal(contentType, 'application/json');
  const { id, request_id } = JSON.parse(body.toString());
  assert.deepEqual({ id, request_id }, { id: 'H10', request_id: requestId });
});

test('curl gets one line', () => {
  const { body } = renderPage({ status: 404, code: null, ...unknownHost('x.localhost'), requestId }, '*/*');
  assert.equal(
    body.toString(),
    `There is no app here. No app on this platform has the name x.localhost. (request ${requestId})\n`,
  );
});

test('markup in a hostname is shown as text', () => {
  const facts = { status: 404, code: null, ...unknownHost('<img src=x onerror="alert(1)">'), requestId: null };
  assert.doesNotMatch(renderPage(facts, 'text/html').body.toString(), /<img/);
});

test('every error code has a page in every form', () => {
  for (const code of Object.keys(hCodes) as HCode[]) {
    for (const accept of ['text/html', 'application/json', undefined]) {
      const { body } = renderPage({ status: hCodes[code].status, code, ...explain(code), requestId }, accept);
      assert.ok(body.includes(code), `${code} for ${accept}`);
    }
  }
});

test('the log line has the form of Heroku’s router', () => {
  const head = {
    method: 'GET',
    path: '/a?b="c"',
    hostname: 'shop.localhost',
    authority: 'shop.localhost:8080',
    requestId,
    client: { address: '1.2.3.4', scheme: 'http', port: null, host: null } as const,
    hasBody: false,
    chunked: false,
    repeatable: true,
    expectsContinue: false,
    headers: [],
  };
  assert.equal(
    errorLine('H12', { head, process: 'web.1', connectMs: 1.2, serviceMs: 30_000.4, status: 503, bytes: null }),
    `at=error code=H12 desc="Request timeout" method=GET path="/a?b=\\"c\\"" host=shop.localhost:8080 request_id=${requestId} fwd="1.2.3.4" dyno=web.1 connect=1ms service=30000ms status=503 bytes= protocol=http`,
  );
  assert.equal(
    servedLine({ head, process: 'web.1', connectMs: 1.2, serviceMs: 18.4, status: 204, bytes: 0 }),
    `at=info method=GET path="/a?b=\\"c\\"" host=shop.localhost:8080 request_id=${requestId} fwd="1.2.3.4" dyno=web.1 connect=1ms service=18ms status=204 bytes=0 protocol=http`,
  );
});
