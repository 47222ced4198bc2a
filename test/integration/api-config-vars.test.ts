import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { configVarLimits } from '../../src/domain/config-vars.ts';
import { type ApiFixture, startApi } from '../support/api.ts';

describe('config vars', () => {
  let fixture: ApiFixture;
  before(async () => {
    fixture = await startApi();
  });
  after(() => fixture[Symbol.asyncDispose]());

  const pathOf = async (name: string) => `/apps/${(await fixture.newApp(name)).name}/config-vars`;

  test('are set, read back byte for byte, and unset with null, and the answer comes after the new release', async () => {
    const { ask } = fixture;
    const path = await pathOf('round-trip');
    const vars = {
      JSON: '{"a": [1, "x"]}',
      LINES: 'one\ntwo\r\nthree\n',
      QUOTES: `'"\`$HOME\\n`,
      DOLLAR: '${A} $(id) $$',
      UTF8: 'grüße 👋 日本',
      EMPTY: '',
      SPACES: '  x  ',
    };
    const set = await ask('PATCH', path, { body: vars });
    assert.equal(set.status, 200);
    assert.deepEqual(set.json, vars);
    assert.deepEqual((await ask('GET', path)).json, vars);

    const newest = { headers: { Range: 'version ..; order=desc,max=1' } };
    const [release] = (await ask('GET', '/apps/round-trip/releases', newest)).json;
    assert.equal(release.version, 2);
    assert.equal(release.current, true);
    const snapshot = await ask('GET', '/apps/round-trip/releases/2/config-vars');
    assert.deepEqual(snapshot.json, vars);

    const unset = await ask('PATCH', path, { body: { JSON: null, LINES: null, ABSENT: null } });
    assert.deepEqual(Object.keys(unset.json).sort(), ['DOLLAR', 'EMPTY', 'QUOTES', 'SPACES', 'UTF8']);
    assert.deepEqual((await ask('GET', '/apps/round-trip/releases/v2/config-vars')).json, vars, 'v2 stays as it was');
  });

  test('without a change make no release', async () => {
    const { ask, store } = fixture;
    const app = await fixture.newApp('still');
    assert.deepEqual((await ask('PATCH', '/apps/still/config-vars', { body: {} })).json, {});
    assert.equal((await store.releases.list(app.id)).length, 1);
  });

  test('may be 1,000 and not one more', async () => {
    const { ask } = fixture;
    const path = await pathOf('many');
    const vars = Object.fromEntries(Array.from({ length: configVarLimits.count }, (_, index) => [`V${index}`, 'x']));
    const full = await ask('PATCH', path, { body: vars });
    assert.equal(full.status, 200);
    assert.equal(Object.keys(full.json).length, 1000);
    const more = await ask('PATCH', path, { body: { ONE_MORE: 'x' } });
    assert.equal(more.status, 413);
    assert.match(more.json.message, /1001 .* 1000/);
    assert.equal((await ask('PATCH', path, { body: { ONE_MORE: 'x', V0: null } })).status, 200);
  });

  test('may have 64 KB and not one byte more, and the error does not show the value', async () => {
    const { ask } = fixture;
    const path = await pathOf('large');
    const value = `${'é'.repeat(configVarLimits.valueBytes / 2 - 3)}SECRET`;
    assert.equal(Buffer.byteLength(value), configVarLimits.valueBytes);
    assert.equal((await ask('PATCH', path, { body: { LARGE: value } })).status, 200);
    assert.equal((await ask('GET', path)).json.LARGE, value);
    const over = await ask('PATCH', path, { body: { LARGE: `${value}x` } });
    assert.equal(over.status, 413);
    assert.match(over.json.message, /LARGE has 65537 bytes, and 65536/);
    assert.doesNotMatch(over.text, /SECRET/);
    assert.equal((await ask('GET', path)).json.LARGE, value);
  });

  test('with a wrong name or value are refused by name, and the value is never shown', async () => {
    const { ask } = fixture;
    const path = await pathOf('wrong');
    const secret = 'hunter2-canary';
    const bodies: readonly unknown[] = [
      { 'A-B': secret },
      { '1A': secret },
      { 'A;id': secret },
      { '': secret },
      { ['N'.repeat(129)]: secret },
      { NUL: `${secret}\0` },
      { NUMBER: 42, A: secret },
      { NESTED: { secret } },
      { LIST: [secret] },
      [secret],
      secret,
      `{"__proto__": "${secret}"}`,
      `{"A": "${secret}", "constructor": {"prototype": "${secret}"}}`,
      `{"A": "${secret}"`,
      `{"A": ${secret}}`,
      `"${secret}"`,
      'null',
    ];
    for (const body of bodies) {
      const answer = await ask('PATCH', path, { body });
      assert.equal(answer.status, 422, JSON.stringify(body));
      assert.doesNotMatch(answer.text, /hunter2/, JSON.stringify(body));
    }
    assert.deepEqual((await ask('GET', path)).json, {});
  });
});
