import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { readSettings } from '../../src/config/settings.ts';
import type { App } from '../../src/domain/app.ts';
import { createDockerEngine } from '../../src/engine/docker-engine.ts';
import { rollOut } from '../../src/operations/roll-out.ts';
import { platformStatus } from '../../src/orchestrator/health-report.ts';
import { ensureNetwork } from '../../src/provisioner/environment.ts';
import { EnvironmentKeeper } from '../../src/provisioner/environment-keeper.ts';
import { systemClock } from '../../src/system/clock.ts';
import { silentLogger } from '../../src/system/logger.ts';
import { EngineProxy } from '../support/engine-proxy.ts';
import { eventually as eventuallyWithin } from '../support/eventually.ts';
import { testHands } from '../support/hands.ts';
import { putHost } from '../support/hosts.ts';
import { answering, LowerHalf } from '../support/lower-half.ts';

const never = new AbortController().signal;

/** A call to a hanging engine times out after half a minute, which is too late for a part that waits for it. */
const eventually: typeof eventuallyWithin = (what, check) => eventuallyWithin(what, check, { deadlineMs: 20_000 });

/** Both hosts are the one engine of this machine, and the far one is reached through a socket that can hang. */
describe('two hosts, of which one hangs', () => {
  let proxy: EngineProxy;
  let half: LowerHalf;
  let app: App;
  let keeper: EnvironmentKeeper | undefined;
  before(async () => {
    proxy = await EngineProxy.start();
    half = await LowerHalf.start();
    app = await half.app('both');
    await rollOut(await half.release(app, { web: answering('both') }), half.deps, never);
    half.engines.add('far', createDockerEngine({ dockerHost: proxy.dockerHost, cacheDir: half.fixture.cacheDir }));
    await putHost(half.deps.store, { id: 'far', name: 'there' });
    await ensureNetwork(app, 'far', half.deps.environment);
  });
  after(async () => {
    proxy.back();
    await keeper?.close();
    await half[Symbol.asyncDispose]();
    await proxy[Symbol.asyncDispose]();
  });

  const upOn = async (hostId: string) => {
    const active = await half.deps.store.instances.listActive(app.id);
    return active.find((instance) => instance.hostId === hostId && instance.state === 'up');
  };
  const kill = (containerId: string | null | undefined) =>
    half.fixture.engine.containers.kill(containerId ?? '', 'SIGKILL');

  it('an instance is started on a host that was added later', async () => {
    await half.operations.scale(app, [{ type: 'web', quantity: { set: 2 } }], half.actor);
    await eventually('one is up on each', async () => (await upOn('local')) && (await upOn('far')));
    // The host is full, so from here on instances are placed on the other one.
    await putHost(half.deps.store, { id: 'far', name: 'there', cloudlets: 1 });
  });

  it('a crashed instance on the other host is replaced, and its last lines are in the log', async () => {
    proxy.hang();
    const here = await upOn('local');
    const far = await upOn('far');
    await kill(far?.containerId);
    await kill(here?.containerId);
    const next = await eventually('another one is up', async () => {
      const one = await upOn('local');
      return one?.id !== here?.id && one;
    });
    assert.equal(next.slot, here?.slot);
    await half.deps.outputKept({ hostId: 'local', containerId: here?.containerId ?? '' });
    await eventually('the old container is gone', async () => {
      const ids = (await half.containers(app)).map(({ id }) => id);
      return !ids.includes(here?.containerId ?? '');
    });
    assert.equal((await half.deps.store.instances.find(far?.id ?? ''))?.state, 'up', 'nobody heard of its end');
  });

  it('an app is created, and a removed network is restored', async () => {
    const { store, environment } = half.deps;
    const made = await half.app('made');
    const before = await half.networkOf(made);
    await half.fixture.engine.networks.remove(before);
    const forget = async () => assert.fail('nothing is to be forgotten');
    keeper = new EnvironmentKeeper({ environment, forget, clock: systemClock, logger: silentLogger });
    void keeper.start();
    await eventually('another network is there', async () => {
      const [network] = await store.appNetworks.list({ appId: made.id, hostId: 'local' });
      return network?.networkId !== before && half.fixture.engine.networks.inspect(network?.networkId ?? '');
    });
  });

  it('the status says which host is down', async () => {
    const { parts, checks } = await platformStatus({
      reserve: { heldBytes: 0, isDiskLow: false },
      platformId: 'p',
      version: '1',
      startedAt: new Date(),
      settings: readSettings({ PAAS_HOME: '/nonexistent' }),
      store: half.deps.store,
      engines: half.engines,
      handsOn: () => testHands,
      buildEngine: half.fixture.engine,
      buildHands: testHands,
      resolver: async () => ({ version: 1 }),
      resolverMemory: async () => ({ residentBytes: 200 * 2 ** 20, limitBytes: 150 * 2 ** 20 }),
      gitVersion: async () => '2',
      firewall: (hostId) => (hostId === 'far' ? 'Open.' : null),
    });
    const engines = parts.filter(({ name }) => name.startsWith('engine'));
    assert.deepEqual(
      engines.map(({ name, state }) => `${name} ${state}`),
      ['engine (here) up', 'engine (there) down'],
    );
    const of = (name: string) => checks.find((check) => check.name === name);
    assert.match(of('engine (there)')?.fix ?? '', /^Start the container engine/);
    for (const name of ['host load (here)', 'host load (there)']) {
      assert.match(of(name)?.message ?? '', /^[\d.]+ on \d+ CPUs?; [\d.]+ of [\d.]+ GiB of memory free$/);
    }
    assert.ok(of('disk of the engine (here)'));
    const { state, message } = of('resolver memory') ?? {};
    assert.deepEqual([state, message], ['warning', '200 MB of 150 MB']);
    assert.deepEqual([of('host firewall (here)')?.state, of('host firewall (there)')?.state], ['ok', 'warning']);
  });

  it('an instance that ended on it is replaced when it is back', async () => {
    const far = await upOn('far');
    assert.ok(far);
    proxy.back();
    await eventually('its end is known', async () => {
      const { store } = half.deps;
      return (await store.instances.find(far.id))?.state === 'crashed';
    });
    await eventually('two are up', async () => {
      const active = await half.deps.store.instances.listActive(app.id);
      return active.filter(({ state }) => state === 'up').length === 2;
    });
  });

  it('a destroyed app leaves nothing on either host', async () => {
    await half.operations.destroyApp(app, half.actor);
    await eventually('nothing is left', async () => (await half.containers(app)).length === 0);
  });
});

describe('a host that came after the app', () => {
  let half: LowerHalf;
  before(async () => {
    half = await LowerHalf.start();
  });
  after(() => half[Symbol.asyncDispose]());

  it('gets the network of the app when an instance is placed there', async () => {
    const { store } = half.deps;
    const app = await half.app('moving');
    await rollOut(await half.release(app, { web: answering('moving') }), half.deps, never);
    const { dockerHost, cacheDir } = half.fixture;
    half.engines.add('far', createDockerEngine({ dockerHost, cacheDir }));
    await putHost(store, { id: 'far', name: 'there' });
    await putHost(store, { cloudlets: 1 });
    assert.deepEqual(await store.appNetworks.list({ appId: app.id, hostId: 'far' }), []);
    // No environment keeper runs here, so nobody else creates the network.
    await half.operations.restart(app, null, half.actor);
    const up = (await store.instances.listActive(app.id)).filter(({ state }) => state === 'up');
    assert.ok(up.some(({ hostId }) => hostId === 'far'));
    assert.equal((await store.appNetworks.list({ appId: app.id, hostId: 'far' })).length, 1);
  });
});
