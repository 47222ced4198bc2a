import assert from 'node:assert/strict';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { after, before, describe, it, test } from 'node:test';
import type { App } from '../../src/domain/app.ts';
import type { ContainerState } from '../../src/domain/containers.ts';
import type { Instance } from '../../src/domain/instance.ts';
import { fixedSize } from '../../src/domain/instance-size.ts';
import { labelNames } from '../../src/domain/labels.ts';
import type { RunRequest } from '../../src/domain/operations.ts';
import { rollOut } from '../../src/operations/roll-out.ts';
import { endOverdueOneOffs } from '../../src/provisioner/one-off-limits.ts';
import { placeInstances } from '../../src/provisioner/placing.ts';
import { withoutDelay } from '../../src/provisioner/plan.ts';
import { containerSpec } from '../../src/supervisor/container-spec.ts';
import { Terminals } from '../../src/supervisor/terminals.ts';
import { systemClock } from '../../src/system/clock.ts';
import { EngineProxy } from '../support/engine-proxy.ts';
import { eventsOf } from '../support/events.ts';
import { eventually } from '../support/eventually.ts';
import { answering, LowerHalf } from '../support/lower-half.ts';
import { rawEngine } from '../support/raw-engine.ts';

const never = new AbortController().signal;

describe('an instance', () => {
  let half: LowerHalf;
  before(async () => {
    half = await LowerHalf.start({ stopGraceMs: 1000 });
  });
  after(() => half[Symbol.asyncDispose]());

  const deployed = async (name: string, scripts: Readonly<Record<string, string>>) => {
    const app = await half.app(name);
    await rollOut(await half.release(app, scripts), half.deps, never);
    return half.deps.store.apps.get(app.id);
  };
  const instances = (app: App) => half.deps.store.instances.list(app.id);
  const serves = (app: App, marker: string) =>
    eventually(`${marker} is served`, async () => (await half.get(app)).body === marker);
  const ended = (app: App, wanted: (instance: Instance) => boolean) =>
    eventually('it ended', async () => (await instances(app)).find((one) => one.endedAt !== null && wanted(one)));

  it('is checked on its port when the platform died before it saved the address', async () => {
    const { store, environment } = half.deps;
    const app = await half.app('unwritten');
    const made = await half.release(app, { web: answering('here') });
    await half.closeSupervisor();
    const [instance] = await store.transaction(async (tables) => {
      await tables.traffic.switchAllTo(app.id, made.id);
      return placeInstances(tables, { app, release: made }, [
        withoutDelay({ type: 'web', slot: 1, size: fixedSize(1) }),
      ]);
    });
    assert.ok(instance);
    const [release, artifact] = [await store.releases.find(made.id), await store.artifacts.find(made.artifactId ?? '')];
    assert.ok(release && artifact);
    const cloudlet = { memoryBytes: 64 * 1024 * 1024, cpuMhz: 400 };
    const { platformId } = environment;
    const { engine } = half.fixture;
    const networks = await store.appNetworks.list({ appId: app.id });
    const inputs = {
      platformId,
      app,
      release,
      artifact,
      instance,
      networks,
      cloudlet,
      stopGraceMs: 1000,
      terminals: 16,
    };
    const spec = containerSpec({ ...inputs, run: null });
    await store.instances.observe(instance.id, { state: 'starting' });
    const containerId = await engine.containers.create(spec);
    await store.instances.observe(instance.id, { containerId, port: 5000 });
    await engine.containers.start(containerId);
    await half.anotherSupervisor();
    await serves(app, 'here');
    assert.deepEqual(
      (await half.containers(app)).map(({ id }) => id),
      [containerId],
    );
  });

  it('is found again when somebody else restarted its container, at its new address', async () => {
    const app = await deployed('moved', { web: answering('moved') });
    const [container] = await half.containers(app);
    await rawEngine('POST', `/containers/${container?.id}/restart?t=0`);
    await serves(app, 'moved');
    await eventually('one container is left', async () => (await half.containers(app)).length === 1);
    const [now] = await half.containers(app);
    await eventually('its row has the address', async () =>
      (await instances(app)).some((row) => row.containerId === now?.id && row.address === now?.address),
    );
  });

  it('stays as it is while its container is paused, even over a restart of the platform', async () => {
    const app = await deployed('paused', { web: answering('paused') });
    const [container] = await half.containers(app);
    const { engine } = half.fixture;
    await engine.containers.pause(container?.id ?? '');
    await half.closeSupervisor();
    await half.anotherSupervisor();
    const [instance] = await instances(app);
    assert.equal(instance?.endedAt, null);
    await engine.containers.unpause(container?.id ?? '');
    await serves(app, 'paused');
    assert.deepEqual(
      (await instances(app)).map(({ containerId }) => containerId),
      [container?.id],
    );
  });

  const disconnect = async (app: App, container: ContainerState | undefined) => {
    const network = await half.networkOf(app);
    await rawEngine('POST', `/networks/${network}/disconnect`, { Container: container?.id, Force: true });
  };

  it('is replaced as soon as its container was disconnected from its network, and the log says so', async () => {
    const app = await deployed('cut', { web: answering('cut') });
    const [container] = await half.containers(app);
    await disconnect(app, container);
    const { reason } = await ended(app, ({ containerId }) => containerId === container?.id);
    assert.equal(reason, 'The network of web.1 was taken away by somebody else');
    await serves(app, 'cut');
  });

  it('notices at the start of the platform that its container was disconnected before', async () => {
    const app = await deployed('cut-before', { web: answering('cut-before') });
    const [container] = await half.containers(app);
    await half.closeSupervisor();
    await disconnect(app, container);
    await half.anotherSupervisor();
    await ended(app, ({ containerId }) => containerId === container?.id);
    await serves(app, 'cut-before');
  });

  it('is served again when its network was disconnected and removed', async () => {
    const app = await deployed('netless', { web: answering('netless') });
    const [container] = await half.containers(app);
    const network = await half.networkOf(app);
    await disconnect(app, container);
    await half.fixture.engine.networks.remove(network);
    await ended(app, ({ containerId }) => containerId === container?.id);
    await serves(app, 'netless');
    assert.notEqual(await half.networkOf(app), network);
  });

  it('makes a network again that was removed while nothing ran', async () => {
    const app = await deployed('netless-before', { web: answering('netless-before') });
    const [container] = await half.containers(app);
    await half.closeSupervisor();
    await half.fixture.engine.containers.remove(container?.id ?? '');
    await half.fixture.engine.networks.remove(await half.networkOf(app));
    await half.anotherSupervisor();
    await serves(app, 'netless-before');
  });

  it('of a service is refused with the reason, because services cannot start yet, and is not listed as a process', async () => {
    const { store } = half.deps;
    const app = await deployed('serviced', { web: answering('serviced') });
    const [web] = await instances(app);
    assert.ok(web);
    const { appId, hostId, slot, size, command, notBefore, failures } = web;
    const workload = { kind: 'service', serviceId: 'service-1' } as const;
    const placed = { appId, hostId, slot, size, command, notBefore, failures, workload, type: 'postgres' };
    const { id } = await store.instances.create(placed);
    await assert.rejects(half.operations.stop(app, 'postgres.1', half.actor), { code: 'not_found' });
    const { state, reason } = await ended(app, (one) => one.id === id);
    assert.deepEqual(
      [state, reason],
      ['refused', 'postgres.1 belongs to a service, and only releases can be started.'],
    );
    const [told] = await eventsOf(half.deps.store, app.id, 'instance.refused');
    assert.deepEqual([told?.data.process, told?.data.release], ['postgres.1', null]);
  });

  it('has another end when the kernel killed it for its memory than when only a child was killed', async () => {
    const hungry = `perl -e '$x = "a" x (800 * 1024 * 1024)'`;
    const app = await deployed('hungry', { web: answering('hungry'), child: `${hungry}; exec sleep 60`, main: hungry });
    await half.operations.scale(app, [{ type: 'child', quantity: { set: 1 }, size: fixedSize(1) }], half.actor);
    const [told] = await eventually('the log tells', async () => {
      const events = await eventsOf(half.deps.store, app.id, 'instance.out_of_memory');
      return events.length > 0 && events;
    });
    assert.match(String(told?.data.reason), /R15.*a process of child\.1 was killed at the limit of 64 MiB/);
    await half.operations.scale(app, [{ type: 'main', quantity: { set: 1 }, size: fixedSize(1) }], half.actor);
    const main = await ended(app, ({ type }) => type === 'main');
    assert.match(main.reason ?? '', /R15.*main\.1 was killed at its limit of 64 MiB/);
    assert.deepEqual(
      (await eventsOf(half.deps.store, app.id, 'instance.out_of_memory')).filter(
        ({ data }) => data.process === 'main.1',
      ),
      [],
      'told once, by its end',
    );
  });

  it('that ignores its stop signal ends with a reason that says so', async () => {
    const app = await deployed('stubborn', {
      web: answering('stubborn'),
      worker: `trap '' TERM; while :; do sleep 1; done`,
    });
    await half.operations.scale(app, [{ type: 'worker', quantity: { set: 1 }, size: fixedSize(1) }], half.actor);
    await eventually('it is up', async () =>
      (await instances(app)).some(({ type, state }) => type === 'worker' && state === 'up'),
    );
    await half.operations.stop(app, 'worker.1', half.actor);
    const { reason, exitCode } = await ended(app, ({ type }) => type === 'worker');
    assert.equal(reason, 'Error R12 (Exit timeout): worker.1 did not exit within 1 s of SIGTERM');
    assert.equal(exitCode, 137);
  });
});

test('is let go when the platform stops in the middle of a step, and the next supervisor goes on', async () => {
  await using half = await LowerHalf.start({ stopGraceMs: 60_000 });
  const app = await half.app('slow');
  const worker = async () => (await half.deps.store.instances.list(app.id)).find(({ type }) => type === 'worker');
  await rollOut(await half.release(app, { worker: `trap '' TERM; exec sleep 600` }), half.deps, never);
  await half.operations.scale(app, [{ type: 'worker', quantity: { set: 1 }, size: fixedSize(1) }], half.actor);
  await eventually('it is up', async () => (await worker())?.state === 'up');
  await half.operations.stop(app, 'worker.1', half.actor);
  await eventually('it is being stopped', async () => (await worker())?.state === 'draining');
  await half.closeSupervisor();
  assert.equal((await worker())?.state, 'draining', 'it did not wait for the grace');
  await half.anotherSupervisor();
  await half.fixture.engine.containers.kill((await worker())?.containerId ?? '', 'SIGKILL');
  await eventually('it ended', async () => (await worker())?.endedAt);
});

describe('a one-off', () => {
  let half: LowerHalf;
  let app: App;
  before(async () => {
    half = await LowerHalf.start();
    app = await half.app('shop');
    await rollOut(await half.release(app, { worker: 'exec sleep 600' }), half.deps, never);
  });
  after(() => half[Symbol.asyncDispose]());

  const request = (changes: Partial<RunRequest> = {}): RunRequest => ({
    command: 'cat',
    attach: true,
    tty: false,
    env: {},
    size: fixedSize(1),
    ...changes,
  });
  const end = (id: string) =>
    eventually('it ended', async () => {
      const instance = await half.deps.store.instances.find(id);
      return instance?.endedAt ? instance : null;
    });
  const containersOf = (instance: Instance) =>
    half.fixture.engine.containers.list({ [labelNames.instance]: instance.id });

  it('is given up when its terminal never connects', async () => {
    const instance = await half.operations.run(app, request(), half.actor);
    const { state, reason } = await end(instance.id);
    assert.equal(state, 'refused');
    assert.match(reason ?? '', /^No terminal came within [\d.]+ s\.$/);
    assert.deepEqual(await containersOf(instance), []);
  });

  it('tells a late terminal that it is late, not that the command ended', async () => {
    const waiting = new Terminals({ terminalWaitMs: 1 });
    waiting.expect('one');
    await assert.rejects(waiting.arrived('one', never), { code: 'start_failed' });
    // Its end is being written at this moment.
    await assert.rejects(
      waiting.attach('one', async () => undefined),
      { code: 'start_failed', message: 'No terminal came within 0.001 s.' },
    );
  });

  it('has its terminal even when the engine’s answer to its start was lost', async () => {
    await using proxy = await EngineProxy.start();
    await using other = await LowerHalf.start({ dockerHost: proxy.dockerHost });
    const shop = await other.app('shop');
    await rollOut(await other.release(shop, { worker: 'exec sleep 600' }), other.deps, never);
    proxy.loseAnswer(/^POST [^ ]*\/start/);
    const instance = await other.operations.run(shop, request({ command: 'cat; exit 3' }), other.actor);
    const { stdin, stdout, exited } = await other.operations.attachRun(shop, instance.id, never);
    stdin.end('said');
    assert.equal(await text(stdout), 'said');
    assert.equal(await exited, 3);
  });

  it('ends at once when it is stopped while it waits for its terminal', async () => {
    const instance = await half.operations.run(app, request(), half.actor);
    await eventually('it waits', async () => (await half.deps.store.instances.find(instance.id))?.state === 'starting');
    await half.operations.stop(app, `run.${instance.slot}`, half.actor);
    assert.equal((await end(instance.id)).state, 'stopped', 'and not given up when the wait is over');
  });

  it('ends when its terminal disconnected before it started', async () => {
    const instance = await half.operations.run(app, request({ command: 'sleep 600' }), half.actor);
    await half.operations.attachRun(app, instance.id, AbortSignal.abort()).catch(() => undefined);
    const { stopReason } = await end(instance.id);
    assert.equal(stopReason, 'cancelled');
    await eventually('its container is gone', async () => (await containersOf(instance)).length === 0);
  });

  it('gets SIGTERM in every process, even behind a shell that waits for another', async () => {
    const command = `trap 'exit 7' TERM; echo ready; sleep 600`;
    const instance = await half.operations.run(app, request({ command }), half.actor);
    const { stdout, exited } = await half.operations.attachRun(app, instance.id, never);
    exited.catch(() => undefined);
    await once(stdout, 'data');
    await half.operations.stop(app, `run.${instance.slot}`, half.actor);
    const { exitCode, reason } = await end(instance.id);
    assert.deepEqual([exitCode, /R12/.test(reason ?? '')], [7, false]);
  });

  it("has the user's terminal type", async () => {
    const asked = request({ command: 'echo "$TERM $COLUMNS"', tty: true, columns: 132, env: { TERM: 'vt100' } });
    const instance = await half.operations.run(app, asked, half.actor);
    const { stdout, exited } = await half.operations.attachRun(app, instance.id, never);
    let said = '';
    stdout.on('data', (chunk: Buffer) => (said += chunk.toString()));
    assert.equal(await exited, 0);
    await eventually('it has said so', () => said === 'vt100 132\r\n');
  });

  it('keeps its command after a restart of the platform', async () => {
    const detached = request({ command: 'sleep 600 && echo "a b"', attach: false });
    const instance = await half.operations.run(app, detached, half.actor);
    assert.deepEqual(instance.command, ['sh', '-c', 'sleep 600 && echo "a b"']);
    await half.operations.stop(app, `run.${instance.slot}`, half.actor);
    await end(instance.id);
  });

  it('ends when the platform that held its terminal died, and a detached one goes on', async () => {
    const held = await half.operations.run(app, request({ command: 'sleep 600', tty: true }), half.actor);
    void half.operations.attachRun(app, held.id, never).catch(() => undefined);
    const free = await half.operations.run(app, request({ command: 'sleep 600', attach: false }), half.actor);
    const isUp = async (id: string) => (await half.deps.store.instances.find(id))?.state === 'up';
    await eventually('both are up', async () => (await isUp(held.id)) && (await isUp(free.id)));
    await half.anotherSupervisor();
    const { state, reason } = await end(held.id);
    assert.equal(state, 'stopped');
    assert.match(reason ?? '', /^The terminal of run\.\d+ went away when the platform was restarted$/);
    assert.equal(await isUp(free.id), true);
  });

  it('that was not started before a restart of the platform starts after it, with its environment', async () => {
    await half.closeSupervisor();
    const command = 'test "$GREETING" = "hello you" && exit 5';
    const asked = request({ command, attach: false, env: { GREETING: 'hello you' } });
    const instance = await half.operations.run(app, asked, half.actor);
    await half.anotherSupervisor();
    const { state, exitCode } = await end(instance.id);
    assert.deepEqual([state, exitCode], ['stopped', 5]);
  });

  it('that waited for its terminal before a restart of the platform is refused, because the terminal is gone', async () => {
    await half.closeSupervisor();
    const instance = await half.operations.run(app, request(), half.actor);
    await half.anotherSupervisor();
    const { state, reason } = await end(instance.id);
    assert.deepEqual([state, reason], ['refused', 'The platform was restarted before this one-off began.']);
  });

  it('that runs over a restart of the platform is still watched, and its exit is recorded', async () => {
    const command = `trap 'exit 5' USR1; while :; do sleep 0.1; done`;
    const { id } = await half.operations.run(app, request({ command, attach: false }), half.actor);
    const row = () => half.deps.store.instances.find(id);
    await eventually('it is up', async () => (await row())?.state === 'up');
    await half.anotherSupervisor();
    await rawEngine('POST', `/containers/${(await row())?.containerId}/kill?signal=USR1`);
    const { state, exitCode, reason } = await end(id);
    assert.deepEqual([state, exitCode, reason], ['stopped', 5, 'Process exited with status 5']);
    const told = await half.deps.store.events.list({ appId: app.id, limit: 100 });
    assert.ok(told.some(({ kind, data }) => kind === 'run.ended' && data.instanceId === id && data.exitCode === 5));
  });

  it('ends at its time limit, by default a day, and says so', async () => {
    const { store } = half.deps;
    const { id } = await half.operations.run(app, request({ command: 'sleep 600', attach: false }), half.actor);
    const short = request({ command: 'sleep 600', attach: false, lifeMs: 60_000 });
    const limited = await half.operations.run(app, short, half.actor);
    const inMs = (ms: number) => ({ ...systemClock, now: () => new Date(limited.createdAt.getTime() + ms) });
    const isUp = async () => (await store.instances.find(limited.id))?.state === 'up';
    await eventually('it is up', isUp);
    await endOverdueOneOffs({ store, clock: inMs(59_000) });
    assert.equal((await store.instances.find(limited.id))?.desired, 'up');
    await endOverdueOneOffs({ store, clock: inMs(61_000) });
    const { reason, stopReason } = await end(limited.id);
    assert.deepEqual(
      [reason, stopReason],
      [`run.${limited.slot} was asked to stop after 60 s, its time limit`, 'expired'],
    );
    assert.equal((await store.instances.find(id))?.desired, 'up');
    await endOverdueOneOffs({ store, clock: inMs(24 * 60 * 60_000 + 1000) });
    assert.equal((await end(id)).stopReason, 'expired');
    const tooLong = request({ attach: false, lifeMs: 24 * 60 * 60_000 + 1 });
    await assert.rejects(half.operations.run(app, tooLong, half.actor), { code: 'invalid_params' });
  });
});
