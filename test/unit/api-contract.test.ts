import assert from 'node:assert/strict';
import { test } from 'node:test';
import { z } from 'zod';
import { contract, type Endpoint, errorTable, fillPath, platformErrorFrom } from '../../src/api/contract.ts';
import { errorAnswer } from '../../src/api/error-body.ts';
import { openApiDocument } from '../../src/api/openapi.ts';
import { errorCodes, PlatformError } from '../../src/domain/errors.ts';

const endpoints = Object.entries(contract) as [string, Endpoint][];

test('the endpoints of the contract are distinct, and each path has its declared parameters', () => {
  const addresses = endpoints.map(([, { method, path }]) => `${method} ${path.replace(/\{\w+\}/g, '{}')}`);
  assert.equal(new Set(addresses).size, addresses.length);
  for (const [operationId, { path, params }] of endpoints) {
    const named = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name).sort();
    assert.deepEqual(Object.keys(params.shape).sort(), named, operationId);
  }
});

test('only the health check, the schema and secret addresses need no token', () => {
  const open = endpoints.filter(([, { auth }]) => auth === 'none').map(([operationId]) => operationId);
  assert.deepEqual(open.sort(), ['attachDyno', 'health', 'readBuildStream', 'readLogSession', 'schema']);
});

test('a list is paged only by properties of its rows', () => {
  for (const [operationId, { range, response }] of endpoints) {
    if (!range) continue;
    assert.ok(response instanceof z.ZodArray, operationId);
    if (!(response.element instanceof z.ZodObject)) continue;
    for (const property of range) assert.ok(property in response.element.shape, `${operationId} by ${property}`);
  }
});

test('the client rebuilds every error that the server throws', () => {
  for (const code of errorCodes) {
    const thrown = new PlatformError(code, 'web.1 did not answer.', { hint: 'See: paas logs' });
    const { status, body } = errorAnswer(thrown, '1');
    assert.ok(status >= 400 && status < 600);
    const received = platformErrorFrom(status, JSON.parse(JSON.stringify(body)));
    assert.equal(received.code, code);
    assert.equal(received.retryable, thrown.retryable);
    if (code === 'internal') continue;
    assert.equal(received.message, thrown.message);
    assert.equal(received.hint, thrown.hint);
  }
  const ids = Object.values(errorTable).map(({ id }) => id);
  assert.equal(new Set(ids).size, ids.length);
});

test('an error answer of another server still becomes a meaningful error', () => {
  assert.equal(platformErrorFrom(502, '<html>').code, 'internal');
  assert.equal(platformErrorFrom(503, undefined).code, 'unavailable');
  assert.equal(platformErrorFrom(404, { error: 'x' }).code, 'not_found');
  assert.equal(platformErrorFrom(418, { id: 'teapot', message: 'short' }).message, 'short');
});

test('a value in a path cannot change the path', () => {
  assert.equal(fillPath('/apps/{app}/dynos/{dyno}', { app: 'a/../b', dyno: 'web.1' }), '/apps/a%2F..%2Fb/dynos/web.1');
  assert.equal(fillPath('/apps/{app}', { app: 'x?y#z' }), '/apps/x%3Fy%23z');
  for (const app of ['', '.', '..']) assert.throws(() => fillPath('/apps/{app}', { app }), { code: 'invalid_params' });
});

test('the OpenAPI document has exactly the endpoints of the contract, and all references resolve', () => {
  const document = openApiDocument(contract) as {
    readonly openapi: string;
    readonly paths: Readonly<Record<string, Readonly<Record<string, { readonly operationId: string }>>>>;
    readonly components: { readonly schemas: Readonly<Record<string, unknown>> };
  };
  assert.equal(document.openapi, '3.1.0');
  const described = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, { operationId }]) => `${operationId} ${method} ${path}`),
  );
  const rows = endpoints.map(([operationId, { method, path }]) => `${operationId} ${method.toLowerCase()} ${path}`);
  assert.deepEqual(described.sort(), rows.sort());
  for (const [, name] of JSON.stringify(document).matchAll(/"\$ref":"#\/components\/schemas\/(\w+)"/g)) {
    assert.ok(name !== undefined && name in document.components.schemas, name);
  }
  assert.doesNotMatch(JSON.stringify(document), /"\$ref":"#\/(?!components\/schemas\/)/);
  const info = JSON.stringify(document.paths['/apps/{app}']?.get);
  assert.match(info, /"#\/components\/schemas\/App"/);
  assert.match(info, /"bearer"/);
});
