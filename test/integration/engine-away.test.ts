import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { readSettings } from '../../src/config/settings.ts';
import type { App } from '../../src/domain/app.ts';
import { releaseOf } from '../../src/domain/instance.ts';
import { rollOut } from '../../src/operations/roll-out.ts';
import { platformStatus } from '../../src/orchestrator/health-report.ts';
import { type Logger, silentLogger } from '../../src/system/logger.ts';
import { scaled } from '../support/deadline.ts';
import { EngineProxy } from '../support/engine-proxy.ts';
import { eventually } from '../support/eventually.ts';
import { testHands } from '../support/hands.ts';
import { answering, LowerHalf } from '../support/lower-half.ts';

const never = new AbortController().signal;

describe('while the engine is away', () => {
  let proxy: EngineProxy;
  let half: LowerHalf;
  let warnings = 0;
  before(async () => {
    const count = () => {
      warnings += 1;
    };
    const logger: Logger = { ...silentLogger, warn: count, error: count };
    proxy = await EngineProxy.start();
    half = await LowerHalf.start({ dockerHost: proxy.dockerHost, logger });
  });
  after(async () => {
    proxy.back();
    await half[Symbol.asyncDispose]();
    await proxy[Symbol.asyncDispose]();
  });

  const deployed = async (name: string) => {
    const app = await half.app(name);
    await rollOut(await half.release(app, { web: answering(name) }), half.deps, never);
    return app;
  };
  const serves = (app: App, marker: string) =>
    eventually(`${marker} is served`, async () => (await half.get(app)).body === marker);

  /** An outage lasts for a while. The condition must hold during all of it. */
  const passed = (ms: number, check: () => Promise<void> = async () => undefined) => {
    const end = performance.now() + ms;
    return eventually(`${ms} ms have passed`, async () => {
      await check();
      return performance.now() > end;
    });
  };

  it('apps go on, crashed instances are replaced when it is back, and the log says so once', async () => {
    const apps = [];
    for (const name of ['one', 'two', 'three', 'four']) apps.push(await deployed(name));
    const [one, ...others] = apps;
    assert.ok(one);
    const [container] = await half.containers(one);
    proxy.away();
    warnings = 0;
    await half.fixture.engine.containers.kill(container?.id ?? '', 'SIGKILL');
    // Long enough for many attempts of each part.
    await passed(3000, async () => {
      for (const app of others) assert.equal((await half.get(app)).status, 200);
    });
    assert.ok(warnings < 20, `${warnings} warnings in three seconds`);
    proxy.back();
    await serves(one, 'one');
    for (const app of others) {
      assert.equal((await half.get(app)).status, 200);
      assert.equal((await half.containers(app)).length, 1, 'it was never replaced');
    }
  });

  it('a release is refused before any instance is placed, and the old one serves', async () => {
    const app = await deployed('refused');
    const release = await half.release(app, { web: answering('later') });
    proxy.away();
    await assert.rejects(rollOut(release, half.deps, never), { code: 'unavailable' });
    proxy.back();
    await serves(app, 'refused');
    const { store } = half.deps;
    assert.equal((await store.releases.find(release.id))?.status, 'failed');
    assert.deepEqual(
      (await store.instances.list(app.id)).filter((one) => releaseOf(one) === release.id),
      [],
    );
  });

  it('a release whose instances are starting waits for the engine', async () => {
    const app = await deployed('patient');
    const release = await half.release(app, { web: `sleep 1; ${answering('later')}` });
    const rollingOut = rollOut(release, half.deps, never);
    await eventually('two run', async () => (await half.containers(app)).length === 2);
    proxy.away();
    await passed(1500);
    proxy.back();
    await rollingOut;
    await serves(app, 'later');
    await eventually('the old one is gone', async () => (await half.containers(app)).length === 1);
  });

  it('a stop and a status request do not wait for an engine that hangs', {
    timeout: scaled(25_000),
  }, async () => {
    const app = await deployed('hanging');
    proxy.hang();
    await half.operations.stop(app, 'web', half.actor);
    // The engine hangs until this test releases it, so a part that waited for it would still wait.
    await half.closeSupervisor();
    const status = await platformStatus({
      reserve: { heldBytes: 0, isDiskLow: false },
      platformId: 'p',
      version: '1',
      startedAt: new Date(),
      settings: readSettings({ PAAS_HOME: '/nonexistent' }),
      store: half.deps.store,
      engines: half.deps.environment.engines,
      handsOn: () => testHands,
      buildEngine: half.deps.environment.engines.on('local'),
      buildHands: testHands,
      resolver: async () => ({ version: 1 }),
      resolverMemory: () => Promise.reject(new Error('it is away too')),
      gitVersion: async () => '2',
      firewall: () => null,
    });
    const engine = status.parts.find(({ name }) => name === 'engine');
    assert.equal(engine?.state, 'down');
    assert.match(engine?.detail ?? '', /did not answer within 3 s/);
    const stacks = status.checks.find(({ name }) => name === 'stacks');
    assert.match(stacks?.fix ?? '', /^Start the container engine/, 'nobody is sent to make stacks that may be there');
    proxy.back();
    await half.anotherSupervisor();
    await eventually('it is stopped', async () => (await half.containers(app)).length === 0);
  });
});
