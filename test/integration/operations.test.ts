import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { App } from '../../src/domain/app.ts';
import { errorCode } from '../../src/domain/errors.ts';
import { fixedSize } from '../../src/domain/instance-size.ts';
import { labelNames } from '../../src/domain/labels.ts';
import { changeConfig } from '../../src/operations/config.ts';
import { OngoingWork } from '../../src/operations/ongoing-work.ts';
import { createRepairs } from '../../src/operations/repairs.ts';
import { rollOut } from '../../src/operations/roll-out.ts';
import { EnvironmentKeeper } from '../../src/provisioner/environment-keeper.ts';
import { systemClock } from '../../src/system/clock.ts';
import { createLocalLeases } from '../../src/system/local-leases.ts';
import { silentLogger } from '../../src/system/logger.ts';
import { EngineProxy } from '../support/engine-proxy.ts';
import { eventsOf } from '../support/events.ts';
import { eventually } from '../support/eventually.ts';
import { putHost } from '../support/hosts.ts';
import { answering, LowerHalf } from '../support/lower-half.ts';
import { currentIdOf } from '../support/store-fixture.ts';

/** Serves unless a config var says otherwise. */
const web = (marker: string) => `[ -z "$BREAK" ] || exit 7; ${answering(marker)}`;

describe('operations on an app', () => {
  let proxy: EngineProxy;
  let half: LowerHalf;
  before(async () => {
    proxy = await EngineProxy.start();
    half = await LowerHalf.start({ dockerHost: proxy.dockerHost, bootTimeoutMs: 5000, cloudlets: 60 });
  });
  after(async () => {
    proxy.back();
    await half[Symbol.asyncDispose]();
    await proxy[Symbol.asyncDispose]();
  });

  const deployed = (name: string, scripts: Readonly<Record<string, string>> = { web: web(name) }) =>
    half.deployed(name, scripts);
  const statusOf = async (id: string) => (await half.deps.store.releases.find(id))?.status;
  const failed = (id: string) => eventually('it failed', async () => (await statusOf(id)) === 'failed');
  const live = (id: string) => eventually('it is live', async () => (await statusOf(id)) === 'succeeded');

  it('a config value whose release failed is tried again when it is set again', async () => {
    const app = await deployed('again');
    const { operations, actor } = half;
    const broken = await operations.changeConfig(app, { BREAK: 'yes' }, actor);
    await failed(broken.id);
    await half.serves(app, 'again');
    const again = await operations.changeConfig(app, { BREAK: 'yes' }, actor);
    assert.equal(again.version, broken.version + 1);
    assert.equal(again.description, 'Set BREAK config vars');
    const mended = await operations.changeConfig(app, { BREAK: null }, actor);
    await live(mended.id);
    const same = await operations.changeConfig(app, { BREAK: null }, actor);
    assert.equal(same.id, mended.id, 'what serves so already makes no release');
  });

  it('users cannot change a variable of an attachment, and a rollback does not change it', async () => {
    const app = await deployed('attached');
    const { operations, actor, deps } = half;
    const { configVars } = deps.store;
    const before = await operations.changeConfig(app, { COLOR: 'red' }, actor);
    await live(before.id);
    await configVars.change(app.id, { DATABASE_URL: 'postgres://new' }, 'attachment');
    await live((await operations.changeConfig(app, { COLOR: 'blue' }, actor)).id);
    await assert.rejects(operations.changeConfig(app, { COLOR: 'grey', DATABASE_URL: null }, actor), {
      code: 'conflict',
      message: /^DATABASE_URL was set by an attachment/,
    });
    assert.equal((await configVars.get(app.id)).COLOR, 'blue');
    const back = await operations.rollback(app, before.version, actor);
    await live(back.id);
    assert.deepEqual((await deps.store.releases.find(back.id))?.config, {
      COLOR: 'red',
      DATABASE_URL: 'postgres://new',
    });
  });

  it('a failed rollback leaves the config vars of the serving release', async () => {
    const app = await deployed('stay');
    const { operations, actor, deps } = half;
    await live((await operations.changeConfig(app, { BREAK: '', COLOR: 'red' }, actor)).id);
    const bad = await deps.store.transaction(async (tables) => {
      const { artifactId } = (await tables.releases.find(await currentIdOf(tables, app))) ?? {};
      const release = { appId: app.id, artifactId: artifactId ?? null, cause: 'deploy', description: '' } as const;
      const made = await tables.releases.create({ ...release, accountId: actor.accountId, config: { BREAK: 'yes' } });
      await tables.releases.setStatus(made.id, 'succeeded');
      return made;
    });
    const back = await operations.rollback(app, bad.version, actor);
    await failed(back.id);
    assert.deepEqual({ ...(await deps.store.configVars.get(app.id)) }, { BREAK: '', COLOR: 'red' });
    await half.serves(app, 'stay');
  });

  it('a stopped slot stays empty until it is scaled or restarted, whatever was scaled before', async () => {
    const app = await deployed('empty');
    const { operations, actor } = half;
    await operations.scale(app, [{ type: 'web', quantity: { set: 2 } }], actor);
    await eventually(
      'two are up',
      async () => (await half.active(app)).filter(({ state }) => state === 'up').length === 2,
    );
    for (const fill of [
      () => operations.scale(app, [{ type: 'web', quantity: { set: 2 } }], actor),
      () => operations.restart(app, 'web.1', actor),
    ]) {
      await operations.stop(app, 'web.1', actor);
      await eventually('it has ended', async () => (await half.containers(app)).length === 1);
      // A wrong filling of the slot would happen on the next change of the app.
      await operations.renameApp(app, `empty-${Date.now() % 100_000}`, actor);
      await half.deps.store.apps.setMaintenance(app.id, false);
      assert.deepEqual(await half.sizes(app), ['web.2:1']);
      await fill();
      await eventually('two are there', async () => (await half.containers(app)).length === 2);
      assert.deepEqual(await half.sizes(app), ['web.1:1', 'web.2:1']);
    }
  });

  it('no app can take a hostname of the platform', async () => {
    const app = await half.app('squatter');
    const { operations, actor, deps } = half;
    for (const hostname of ['victim.localhost', '*.localhost', 'git.localhost', 'API.Localhost.']) {
      await assert.rejects(operations.addDomain(app, hostname, actor), { code: 'invalid_params' }, hostname);
    }
    await operations.addDomain(app, 'www.squatter.example', actor);
    assert.deepEqual(
      (await deps.store.domains.list(app.id)).map(({ hostname }) => hostname),
      ['www.squatter.example'],
    );
  });

  it('a scaling that does not fit or makes no sense changes nothing', async () => {
    const app = await deployed('sized', {
      web: `[ "$(cat /proc/1/comm)" ] && ${web('sized')}`,
      worker: 'exec sleep 600',
    });
    const { operations, actor } = half;
    const before = [await half.formation(app), await half.sizes(app)];
    await assert.rejects(operations.scale(app, [{ type: 'web', size: fixedSize(500) }], actor), {
      code: 'no_capacity',
    });
    assert.deepEqual([await half.formation(app), await half.sizes(app)], before);
    await assert.rejects(
      operations.scale(
        app,
        [
          { type: 'web', quantity: { set: 2 }, size: fixedSize(2) },
          { type: 'worker', quantity: { set: 500 } },
        ],
        actor,
      ),
      { code: 'invalid_params' },
    );
    await assert.rejects(
      operations.scale(
        app,
        [
          { type: 'web', size: fixedSize(2) },
          { type: 'web', size: fixedSize(3) },
        ],
        actor,
      ),
      /web is given twice/,
    );
    assert.deepEqual([await half.formation(app), await half.sizes(app)], before);
    await operations.scale(app, [{ type: 'web', size: fixedSize(2) }], actor);
    assert.deepEqual(await half.sizes(app), ['web.1:2']);
    await half.serves(app, 'sized');
  });

  it('two apps that scale at once never get more than the capacity', async () => {
    const [one, two] = [await deployed('grow-one'), await deployed('grow-two')];
    const { store } = half.deps;
    const used = async () => (await store.instances.listActive()).reduce((sum, { size }) => sum + size.reserved, 0);
    const all = (await used()) + 6;
    await putHost(store, { cloudlets: all });
    const most = 5;
    const grow = (app: App) => half.operations.scale(app, [{ type: 'web', quantity: { set: most } }], half.actor);
    const outcomes = await Promise.allSettled([grow(one), grow(two)]);
    assert.deepEqual(outcomes.map(({ status }) => status).sort(), ['fulfilled', 'rejected']);
    assert.ok((await used()) <= all);
    await putHost(store, { cloudlets: 60 });
    for (const app of [one, two]) await half.operations.scale(app, [{ type: 'web', quantity: { set: 1 } }], half.actor);
    for (const app of [one, two])
      await eventually('one is left', async () => (await half.containers(app)).length === 1);
  });

  it('a crashed instance that no host takes is reported once, and replaced when one does', async () => {
    const [app, other] = [await deployed('roomless'), await deployed('greedy')];
    const { store } = half.deps;
    await putHost(store, { cloudlets: 60, state: 'maintenance' });
    const [container] = await half.containers(app);
    await half.fixture.engine.containers.kill(container?.id ?? '', 'SIGKILL');
    const told = () => eventsOf(store, app.id, 'instance.refused');
    const [first] = await eventually('the log tells', async () => (await told()).length > 0 && told());
    assert.match(String(first?.data.reason), /^No room: host here is in maintenance, and 1 × 1 = 1 are needed/);
    await putHost(store, { cloudlets: 60 });
    // The end of another instance makes room.
    await half.operations.restart(other, 'web', half.actor);
    await half.serves(app, 'roomless');
    assert.equal((await told()).length, 1);
  });

  it('a config release interrupted by a stop of the platform goes live after the next start', async () => {
    const app = await deployed('interrupted', { web: `[ -z "$SLOW" ] || sleep 1; ${answering('interrupted')}` });
    const stopping = { ...half.deps, work: new OngoingWork(createLocalLeases()) };
    const release = await changeConfig(app, { SLOW: 'yes' }, { actor: half.actor, deps: stopping });
    await eventually('it is starting', async () => (await half.containers(app)).length === 2);
    await stopping.work.close();
    assert.equal(await statusOf(release.id), 'pending');
    await assert.rejects(changeConfig(app, { SLOW: 'no' }, { actor: half.actor, deps: stopping }), {
      code: 'cancelled',
    });
    await createRepairs(half.deps).recover();
    await live(release.id);
    await half.serves(app, 'interrupted');
    await eventually('one is left', async () => (await half.containers(app)).length === 1);
  });

  it('destroying an app ends its running roll-out and leaves nothing', async () => {
    const app = await deployed('doomed');
    const release = await half.release(app, { web: 'exec sleep 600' });
    const rollingOut = half.deps.work.hold(app.id, ({ signal }) => rollOut(release, half.deps, signal), {
      purpose: 'this',
    });
    rollingOut.catch(() => undefined);
    await eventually('it is starting', async () => (await half.containers(app)).length === 2);
    await half.operations.destroyApp(app, half.actor);
    await assert.rejects(rollingOut, (error) => errorCode(error) === 'cancelled');
    // The engine lists a container that it is still creating, and cannot remove it yet.
    await eventually('no container is left', async () => (await half.containers(app)).length === 0);
    assert.deepEqual(await half.fixture.engine.networks.list({ [labelNames.app]: app.id }), []);
    await assert.rejects(half.operations.restart(app, null, half.actor), { code: 'not_found' });
    await half.operations.destroyApp(app, half.actor);
  });

  it('an image that a cancelled build made while its app was destroyed is removed', async () => {
    const app = await deployed('lastmoment');
    const { volumes } = half.fixture.engine;
    const labels = { [labelNames.platform]: half.fixture.runId, [labelNames.app]: app.id };
    const building = half.deps.work.run(app.id, async (signal) => {
      await new Promise((ended) => signal.addEventListener('abort', ended, { once: true }));
      await systemClock.sleep(500);
      await volumes.create(`${half.fixture.runId}-late`, labels);
    });
    await half.operations.destroyApp(app, half.actor);
    await building;
    assert.deepEqual(await volumes.list(labels), []);
  });

  it("leftovers of an app destroyed while the engine was away are removed later, except users' volumes", async () => {
    const app = await deployed('orphan');
    const { engine } = half.fixture;
    const labels = { [labelNames.platform]: half.fixture.runId, [labelNames.app]: app.id };
    await engine.volumes.create(`${half.fixture.runId}-data`, labels);
    await engine.volumes.create(`${half.fixture.runId}-cache`, { ...labels, [labelNames.role]: 'cache' });
    proxy.away();
    await half.operations.destroyApp(app, half.actor);
    proxy.back();
    assert.equal(await half.deps.store.apps.find(app.id), null);
    assert.equal((await engine.networks.list(labels)).length, 1);
    const bystander = await deployed('bystander');
    const [survivor] = await half.containers(bystander);
    const forgotten: string[] = [];
    await using keeper = disposable(
      new EnvironmentKeeper({
        environment: half.deps.environment,
        forget: async (appId) => void forgotten.push(appId),
        clock: systemClock,
        logger: silentLogger,
      }),
    );
    await keeper.part.start();
    assert.deepEqual(await engine.networks.list(labels), []);
    assert.deepEqual(await engine.containers.list(labels), []);
    assert.deepEqual(
      (await engine.volumes.list(labels)).map(({ name }) => name),
      [`${half.fixture.runId}-data`],
    );
    assert.deepEqual(forgotten, [app.id]);
    assert.equal((await half.containers(bystander))[0]?.id, survivor?.id);
  });

  it('a network that somebody removed is created again', async () => {
    const app = await half.app('netted');
    const before = await half.networkOf(app);
    await half.fixture.engine.networks.remove(before);
    const forget = async () => assert.fail('nothing is to be forgotten');
    await using keeper = disposable(
      new EnvironmentKeeper({ environment: half.deps.environment, forget, clock: systemClock, logger: silentLogger }),
    );
    await keeper.part.start();
    const now = await half.networkOf(app);
    assert.notEqual(now, before);
    assert.ok(await half.fixture.engine.networks.inspect(now));
  });
});

function disposable<T extends { close(): Promise<void> }>(part: T): AsyncDisposable & { readonly part: T } {
  return { part, [Symbol.asyncDispose]: () => part.close() };
}
