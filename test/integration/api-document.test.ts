import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { z } from 'zod';
import { type ApiFixture, startApi } from '../support/api.ts';

interface Media {
  readonly content: { readonly 'application/json': { readonly schema: object } };
}

interface Operation {
  readonly operationId: string;
  readonly parameters: readonly { readonly name: string; readonly in: string }[];
  readonly requestBody?: Media & { readonly required: boolean };
  readonly responses: Readonly<Record<string, Media>>;
}

interface OpenApi {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, object>> };
}

let fixture: ApiFixture;
let document: OpenApi;

before(async () => {
  fixture = await startApi();
  document = (await fixture.ask('GET', '/schema', { token: null })).json;
  const shop = await fixture.newApp('shop');
  await fixture.deploy(shop);
  await fixture.ask('PATCH', '/apps/shop/config-vars', { body: { A: '1' } });
  await fixture.ask('POST', '/apps/shop/domains', { body: { hostname: 'www.example.com' } });
});

after(() => fixture[Symbol.asyncDispose]());

/** The document's schema of a value, for a reader who knows only the document. */
function described({ content }: Media): z.ZodType {
  const { schema } = content['application/json'];
  const text = JSON.stringify({ ...schema, $defs: document.components.schemas });
  return z.fromJSONSchema(JSON.parse(text.replaceAll('#/components/schemas/', '#/$defs/')));
}

const operations = () =>
  Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ method: method.toUpperCase(), path, operation })),
  );

const known: Readonly<Record<string, string>> = { app: 'shop', release: 'v1', domain: 'www.example.com', type: 'web' };

test('answers match the OpenAPI document, so a client can be generated from it', async (t) => {
  const run = await fixture.ask('POST', '/apps/shop/dynos', { body: { command: 'true' } });
  const [token] = await fixture.store.tokens.list(fixture.owner.actor.accountId);
  const values: typeof known = { ...known, dyno: run.json.id, authorization: token?.id ?? '' };
  const asked = operations().filter(
    // Streams are not JSON, and the fixture's artifact was never built.
    ({ method, path }) => method === 'GET' && !/\{(secret|build)\}/.test(path),
  );
  assert.ok(asked.length > 25, String(asked.length));
  for (const { path, operation } of asked) {
    await t.test(operation.operationId, async () => {
      const filled = path.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? '');
      const { status, json } = await fixture.ask('GET', filled);
      const media = operation.responses[status];
      assert.ok(media, `${status} is not in the document`);
      assert.equal(described(media).safeParse(json).error, undefined);
    });
  }
});

test('refusals match the OpenAPI document, for every reason', async () => {
  const [get] = operations().filter(({ operation }) => operation.operationId === 'infoApp');
  const media = get?.operation.responses.default;
  assert.ok(media);
  for (const asking of [
    { token: null },
    { token: 'wrong' },
    { headers: { Accept: 'application/vnd.heroku+json; version=2' } },
  ]) {
    const { status, json } = await fixture.ask('GET', '/apps/shop', asking);
    assert.ok(status >= 400);
    assert.equal(described(media).safeParse(json).error, undefined);
  }
  assert.equal(described(media).safeParse({ message: 'no id' }).success, false, 'it does say something');
});

test('the document says which bodies are required, and optional bodies may be missing', async () => {
  const withBody = operations().filter(({ operation }) => operation.requestBody);
  const optional = withBody.filter(({ operation }) => operation.requestBody?.required === false);
  assert.deepEqual(optional.map(({ operation }) => operation.operationId).sort(), [
    'createApp',
    'createAuthorization',
    'createLogSession',
    'rollback',
  ]);
  for (const { method, path, operation } of withBody) {
    const filled = path.replace(/\{(\w+)\}/g, (_, name) => known[name] ?? '');
    const { status } = await fixture.ask(method, filled);
    if (operation.requestBody?.required) assert.equal(status, 422, operation.operationId);
    // There is no earlier release here, so the endpoint itself refuses.
    else if (operation.operationId !== 'rollback') assert.equal(status, 201, operation.operationId);
  }
});

test('each path lists its parameters, in order', () => {
  for (const { path, operation } of operations()) {
    const named = operation.parameters.filter(({ in: where }) => where === 'path').map(({ name }) => name);
    assert.deepEqual(
      named,
      [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name),
      path,
    );
  }
});
