import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';
import type { App } from '../../src/domain/app.ts';
import { PlatformError } from '../../src/domain/errors.ts';
import { fixedSize } from '../../src/domain/instance-size.ts';
import { type ApiFixture, startApi } from '../support/api.ts';
import { currentIdOf } from '../support/store-fixture.ts';

describe('formation and instances', () => {
  let fixture: ApiFixture;
  let app: App;
  let count = 0;
  before(async () => {
    fixture = await startApi();
  });
  beforeEach(async () => {
    count += 1;
    app = await fixture.newApp(`app${count}`);
    await fixture.deploy(app);
    app = await fixture.store.apps.get(app.id);
  });
  after(() => fixture[Symbol.asyncDispose]());

  const placed = async (slot: number, extra: { failures?: number; notBefore?: Date | null } = {}) =>
    fixture.store.instances.create({
      appId: app.id,
      workload: { kind: 'release', releaseId: await currentIdOf(fixture.store, app) },
      hostId: 'host-1',
      type: 'web',
      slot,
      size: fixedSize(4),
      command: null,
      notBefore: null,
      failures: 0,
      ...extra,
    });

  test('a formation has type, quantity, size and command', async () => {
    const { json } = await fixture.ask('GET', `/apps/${app.name}/formation`);
    const short = json.map(({ type, quantity, size, command }: Record<string, unknown>) => [
      type,
      quantity,
      size,
      command,
    ]);
    assert.deepEqual(short, [
      ['web', 1, '4', 'node server.js'],
      ['worker', 0, '4', 'node worker.js'],
    ]);
    const again = await fixture.ask('GET', `/apps/${app.name}/formation`);
    assert.equal(again.json[0].id, json[0].id, 'its id stays the same');
    await fixture.store.formations.put({ appId: app.id, type: 'gone', quantity: 2, size: fixedSize(4) });
    const later = await fixture.ask('GET', `/apps/${app.name}/formation`);
    assert.deepEqual(later.json, again.json, 'a type that the release does not have runs nothing');
  });

  test('a quantity is a number or a text, and with a sign a difference; the answer has the changes', async () => {
    const { ask } = fixture;
    const scale = (updates: readonly unknown[]) => ask('PATCH', `/apps/${app.name}/formation`, { body: { updates } });
    const quantities = (answer: { json: { type: string; quantity: number }[] }) =>
      answer.json.map(({ type, quantity }) => `${type}=${quantity}`);
    assert.deepEqual(quantities(await scale([{ type: 'web', quantity: '3' }])), ['web=3']);
    assert.deepEqual(quantities(await scale([{ type: 'web', quantity: '+2' }])), ['web=5']);
    assert.deepEqual(quantities(await scale([{ type: 'web', quantity: '-1' }])), ['web=4']);
    const both = await scale([
      { type: 'web', quantity: 1, size: '1G' },
      { type: 'worker', quantity: '2', size: '2c' },
    ]);
    assert.deepEqual(quantities(both), ['web=1', 'worker=2']);
    assert.deepEqual(
      both.json.map(({ size }: { size: string }) => size),
      ['8', '2'],
    );
    const one = await ask('PATCH', `/apps/${app.name}/formation/web`, { body: { quantity: '2' } });
    assert.equal(one.json.quantity, 2);
    assert.equal(one.json.size, '8', 'a size that was not named stays');
  });

  test('an invalid quantity or size is refused', async () => {
    for (const update of [
      { quantity: '1.5' },
      { quantity: -1 },
      { quantity: 'two' },
      { quantity: '++1' },
      { quantity: '1e3' },
      { size: 'Standard-1X' },
      { size: '0M' },
      { quantity: 1, image: 'x' },
    ]) {
      const answer = await fixture.ask('PATCH', `/apps/${app.name}/formation/web`, { body: update });
      assert.equal(answer.status, 422, JSON.stringify(update));
    }
    const empty = await fixture.ask('PATCH', `/apps/${app.name}/formation`, { body: { updates: [] } });
    assert.equal(empty.status, 422);
    assert.equal(
      (await fixture.ask('PATCH', `/apps/${app.name}/formation/none`, { body: { quantity: 1 } })).status,
      404,
    );
  });

  test('a formation that does not fit is refused with the numbers and the next command', async () => {
    const { operations, ask } = fixture;
    const scale = operations.scale;
    operations.scale = async () => {
      throw new PlatformError('no_capacity', '99 cloudlets are free, and web=100 needs 400.', { hint: 'Scale down.' });
    };
    const answer = await ask('PATCH', `/apps/${app.name}/formation/web`, { body: { quantity: 100 } });
    operations.scale = scale;
    assert.equal(answer.status, 422);
    assert.equal(answer.json.id, 'no_capacity');
    assert.match(answer.json.message, /99 cloudlets/);
    assert.equal(answer.json.hint, 'Scale down.');
  });

  test("instances are listed as Heroku's client groups them: by command, with state and release", async () => {
    const { store, ask } = fixture;
    const up = await placed(1);
    await store.instances.observe(up.id, { state: 'starting' });
    await store.instances.observe(up.id, { state: 'up', upAt: new Date() });
    await placed(2);
    await placed(3, { failures: 2, notBefore: new Date(Date.now() + 60_000) });
    const list = (await ask('GET', `/apps/${app.name}/dynos`)).json;
    assert.deepEqual(
      list.map(({ name, state, command, release }: Record<string, unknown>) => [
        name,
        state,
        command,
        (release as { version: number }).version,
      ]),
      [
        ['web.1', 'up', 'node server.js', 2],
        ['web.2', 'starting', 'node server.js', 2],
        ['web.3', 'crashed', 'node server.js', 2],
      ],
    );
    assert.equal(list[0].attach_url, null);
    for (const reference of ['web.1', up.id]) {
      assert.deepEqual((await ask('GET', `/apps/${app.name}/dynos/${reference}`)).json, list[0]);
    }
    assert.equal((await ask('GET', `/apps/${app.name}/dynos/web.9`)).status, 404);
  });

  test('restart and stop act on all instances, on a type or on one, by name or id', async () => {
    const { ask, operations, owner } = fixture;
    const one = await placed(1);
    const path = `/apps/${app.name}`;
    operations.asked.length = 0;
    for (const [method, address] of [
      ['DELETE', `${path}/dynos`],
      ['DELETE', `${path}/dynos/web.1`],
      ['DELETE', `${path}/dynos/${one.id}`],
      ['DELETE', `${path}/formations/web`],
      ['POST', `${path}/dynos/run.12/actions/stop`],
      ['POST', `${path}/dynos/${one.id}/actions/stop`],
      ['POST', `${path}/formations/worker/actions/stop`],
    ] as const) {
      const answer = await ask(method, address);
      assert.equal(answer.status, 202, address);
      assert.deepEqual(answer.json, {});
      assert.equal(operations.asked.at(-1)?.actor.requestId, answer.headers.get('request-id'));
      assert.equal(operations.asked.at(-1)?.actor.email, owner.actor.email);
    }
    assert.deepEqual(
      operations.asked.map(({ verb, process }) => `${verb} ${process}`),
      ['restart null', 'restart web.1', 'restart web.1', 'restart web', 'stop run.12', 'stop web.1', 'stop worker'],
    );
  });

  test('a one-off is created with its terminal, its environment and its size', async () => {
    const { ask, operations } = fixture;
    const detached = await ask('POST', `/apps/${app.name}/dynos`, {
      body: { command: 'rake db:migrate', type: 'run' },
    });
    assert.equal(detached.status, 201);
    assert.equal(detached.json.command, 'rake db:migrate');
    assert.equal(detached.json.attach_url, null);
    assert.match(detached.json.name, /^run\.\d{4}$/);
    const limited = { command: 'sleep 600', time_to_live: 90 };
    await ask('POST', `/apps/${app.name}/dynos`, { body: limited });
    assert.equal(fixture.operations.runs.at(-1)?.lifeMs, 90_000);
    for (const time_to_live of [0, 86_401, 1.5])
      assert.equal((await ask('POST', `/apps/${app.name}/dynos`, { body: { ...limited, time_to_live } })).status, 422);
    const attached = await ask('POST', `/apps/${app.name}/dynos`, {
      body: {
        command: 'bash',
        attach: true,
        force_no_tty: null,
        env: { TERM: 'xterm', COLUMNS: '80', LINES: '24' },
        size: '1G',
      },
    });
    assert.match(attached.json.attach_url, new RegExp(`^ws://127\\.0\\.0\\.1:${fixture.port}/attach/[\\w-]{43}$`));
    assert.equal(attached.json.size, '8');
    assert.deepEqual(operations.runs.at(-1), {
      command: 'bash',
      attach: true,
      tty: true,
      env: { TERM: 'xterm', COLUMNS: '80', LINES: '24' },
      size: fixedSize(8),
      columns: 80,
      rows: 24,
    });
    await ask('POST', `/apps/${app.name}/dynos`, { body: { command: 'cat', attach: true, force_no_tty: true } });
    assert.equal(operations.runs.at(-1)?.tty, false);
    const listed = (await ask('GET', `/apps/${app.name}/dynos`)).json;
    assert.deepEqual(listed.map(({ command }: { command: string }) => command).sort(), [
      'bash',
      'cat',
      'rake db:migrate',
      'sleep 600',
    ]);
    assert.ok(!JSON.stringify(listed).includes('/attach/'), 'the address is shown once');
  });
});
