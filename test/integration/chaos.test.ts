import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { environment } from '../../src/config/environment.ts';
import type { App } from '../../src/domain/app.ts';
import type { ContainerState } from '../../src/domain/containers.ts';
import { oneShotTypes } from '../../src/domain/formation.ts';
import { processName } from '../../src/domain/instance.ts';
import { labelNames } from '../../src/domain/labels.ts';
import type { Route } from '../../src/domain/route.ts';
import type { Store } from '../../src/domain/store.ts';
import { readJournal } from '../../src/resolver/route-journal.ts';
import { openStore } from '../../src/store/store.ts';
import type { ChaosLine, ChaosOrder } from '../support/chaos-orchestrator.ts';
import { eventually } from '../support/eventually.ts';
import { type Ground, layGround } from '../support/lower-half.ts';
import { seeded } from '../support/seeded.ts';
import { currentIdOf } from '../support/store-fixture.ts';

const script = resolve(import.meta.dirname, '../support/chaos-orchestrator.ts');
const kills = 8;
/** The number of operations for a meaningful test. A slow machine needs more lives for it. */
const enoughDone = 11;
const mostKills = 60;
const hostCloudlets = 40;

/** One life of the orchestrator, with its output. */
class Orchestrator {
  readonly lines: ChaosLine[] = [];
  readonly #child: ChildProcess;

  constructor(order: ChaosOrder) {
    this.#child = spawn(process.execPath, [script, JSON.stringify(order)], { stdio: ['ignore', 'pipe', 'inherit'] });
    const { stdout } = this.#child;
    if (stdout) createInterface({ input: stdout }).on('line', (line) => this.lines.push(JSON.parse(line) as ChaosLine));
  }

  ready(): Promise<unknown> {
    return eventually('the orchestrator is ready', () => this.lines.some(({ kind }) => kind === 'ready'), {
      deadlineMs: 30_000,
    });
  }

  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    this.#child.kill('SIGKILL');
    await once(this.#child, 'close');
  }
}

const seed = Number(environment().CHAOS_SEED ?? 1);

it(`an orchestrator killed at any moment leaves nothing that the next one does not repair (seed ${seed})`, async (t) => {
  await using ground = await layGround();
  const { fixture, home, resolver } = ground;
  const { runId, labels, imageId, cacheDir, dockerHost } = fixture;
  const run = { runId, labels, imageId, cacheDir, dockerHost };
  const bystanders = await letStand(ground);
  const random = seeded(seed);
  const lives: Orchestrator[] = [];
  const live = async (rounds: number): Promise<Orchestrator> => {
    const life = new Orchestrator({ seed: seed * 1000 + lives.length, rounds, run, home, resolver });
    lives.push(life);
    await life.ready();
    return life;
  };
  let last: Orchestrator | null = null;
  try {
    for (let killed = 0; killed < kills || (count(lives, 'done') < enoughDone && killed < mostKills); killed += 1) {
      const life = await live(1000);
      // The random time until the kill is the subject of the test.
      await delay(200 + random(1800));
      await life.kill();
    }
    last = await live(0);
    const store = await openStore({ path: join(home, 'state.db'), keysDir: join(home, 'keys') });
    try {
      const begin = performance.now();
      await eventually('everything is as it should be', () => allIsWell(store, ground), {
        deadlineMs: 40_000,
        everyMs: 250,
      });
      t.diagnostic(
        `${count(lives, 'done')} done, ${count(lives, 'refused')} refused, settled in ${Math.round(performance.now() - begin)} ms`,
      );
      await nothingAcceptedIsLost(store, lives);
    } finally {
      await store.close();
    }
    const defects = lives.flatMap(({ lines }) => lines.filter((line) => line.kind === 'defect'));
    assert.deepEqual(defects, []);
    assert.ok(count(lives, 'done') >= enoughDone, `${count(lives, 'done')} were done`);
    for (const { id, startedAt } of bystanders) {
      const now = await fixture.engine.containers.inspect(id);
      assert.deepEqual([now?.status, now?.startedAt], ['running', startedAt], 'what is not ours was not touched');
    }
  } finally {
    await last?.kill();
    for (const life of lives) await life.kill();
    for (const { id } of bystanders) await fixture.engine.containers.remove(id);
  }
});

function count(lives: readonly Orchestrator[], kind: ChaosLine['kind']): number {
  return lives.reduce((sum, { lines }) => sum + lines.filter((line) => line.kind === kind).length, 0);
}

/** A foreign container, and one of another platform that looks like ours. */
async function letStand({ fixture }: Ground): Promise<readonly ContainerState[]> {
  const { containers } = fixture.engine;
  const other = {
    [labelNames.platform]: `${fixture.runId}-other`,
    [labelNames.role]: 'instance',
    [labelNames.instance]: 'x',
  };
  const states: ContainerState[] = [];
  for (const strange of [{ test: fixture.runId }, other]) {
    const id = await containers.create(fixture.spec('exec sleep 600', { labels: strange }));
    await containers.start(id);
    const state = await containers.inspect(id);
    if (state) states.push(state);
  }
  return states;
}

/** Throws the first broken invariant. (contracts/hardening.md, invariants of tests 31 and 45) */
async function allIsWell(store: Store, ground: Ground): Promise<boolean> {
  const apps = await store.apps.list();
  const containers = await ground.fixture.engine.containers.list({
    [labelNames.platform]: ground.fixture.runId,
    [labelNames.role]: 'instance',
  });
  await everyContainerIsAnInstances(store, containers);
  await everyTargetIsItsApps(containers, ground);
  for (const app of apps) {
    await itsReleaseIsThere(app, store, ground);
    await itsFormationRuns(app, store);
  }
  await everyNetworkIsAnApps(store, ground);
  const promised = (await store.instances.listActive()).reduce((sum, { size }) => sum + size.reserved, 0);
  assert.ok(promised <= hostCloudlets, `${promised} cloudlets are promised`);
  return true;
}

async function everyContainerIsAnInstances(store: Store, containers: readonly ContainerState[]): Promise<void> {
  const active = await store.instances.listActive();
  for (const { id, labels, name } of containers) {
    const owner = active.find((instance) => instance.id === labels[labelNames.instance]);
    assert.equal(owner?.containerId, id, `${name} belongs to an active instance`);
  }
  for (const { containerId, address, state, type, slot } of active) {
    if (state !== 'up') continue;
    const container = containers.find(({ id }) => id === containerId);
    assert.equal(container?.status, 'running', `${type}.${slot} is up and has a container`);
    assert.equal(container?.address, address, `${type}.${slot} is where it is said to be`);
  }
}

/** The routes that a resolver started now would get. */
async function routesIn(home: string): Promise<readonly Route[]> {
  const routes = new Map<string, Route>();
  const put = (all: readonly Route[]) => {
    for (const route of all) routes.set(route.appId, route);
    return true;
  };
  await readJournal(join(home, 'routes.json'), {
    replace: (table) => put(table.routes),
    change({ put: changed, drop }) {
      for (const appId of drop) routes.delete(appId);
      return put(changed);
    },
  });
  return [...routes.values()];
}

async function everyTargetIsItsApps(containers: readonly ContainerState[], { home }: Ground): Promise<void> {
  for (const { appId, appName, targets } of await routesIn(home)) {
    for (const { address, name } of targets) {
      const container = containers.find((one) => one.address === address);
      assert.equal(container?.labels[labelNames.app], appId, `${name} of ${appName} is a container of its own`);
    }
  }
}

async function itsReleaseIsThere(app: App, store: Store, { fixture }: Ground): Promise<void> {
  const release = await store.releases.find(await currentIdOf(store, app));
  assert.equal(release?.status, 'succeeded', `the current release of ${app.name}`);
  const artifact = release.artifactId ? await store.artifacts.find(release.artifactId) : null;
  assert.ok(release.artifactId === null || artifact, 'its artifact is there');
  if (artifact) assert.ok(await fixture.engine.images.inspect(artifact.imageId), 'its image is there');
  const pending = (await store.releases.list(app.id)).filter(({ status }) => status === 'pending');
  assert.deepEqual(pending, [], `no release of ${app.name} is half made`);
}

async function itsFormationRuns(app: App, store: Store): Promise<void> {
  const release = await store.releases.find(await currentIdOf(store, app));
  const artifact = release?.artifactId ? await store.artifacts.find(release.artifactId) : null;
  const newest = await store.instances.listNewestOf(await currentIdOf(store, app));
  const active = (await store.instances.listActive(app.id)).filter(({ type }) => !oneShotTypes.has(type));
  const wanted = new Set<string>();
  for (const { type, quantity, size } of await store.formations.list(app.id)) {
    if (!artifact?.processes.some((process) => process.type === type)) continue;
    for (let slot = 1; slot <= quantity; slot += 1) {
      const last = newest.find((instance) => instance.type === type && instance.slot === slot);
      if (last?.stopReason === 'stopped_by_user') continue;
      wanted.add(`${app.name} ${type}.${slot}:${size}`);
    }
  }
  const there = active.map((instance) => `${app.name} ${processName(instance)}:${instance.size}`);
  assert.deepEqual(there.sort(), [...wanted].sort(), 'what the formation says is there, each once');
  for (const { state, notBefore, failures } of active) {
    const isWaiting = state === 'placed' && notBefore !== null && failures > 0;
    assert.ok(state === 'up' || isWaiting, `an instance of ${app.name} is ${state}`);
  }
}

async function everyNetworkIsAnApps(store: Store, { fixture }: Ground): Promise<void> {
  const networks = await fixture.engine.networks.list({ [labelNames.platform]: fixture.runId });
  const known = await store.appNetworks.list({});
  assert.equal(known.length, (await store.apps.list()).length);
  assert.deepEqual(networks.map(({ id }) => id).sort(), known.map(({ networkId }) => networkId).sort());
}

/** Each operation that was answered with a release has that release, unless its app was destroyed. */
async function nothingAcceptedIsLost(store: Store, lives: readonly Orchestrator[]): Promise<void> {
  const lines = lives.flatMap((life) => life.lines);
  for (const line of lines) {
    if (line.kind !== 'done' || !line.release) continue;
    const release = await store.releases.find(line.release);
    if (release) assert.notEqual(release.status, 'pending');
    else
      assert.ok(
        lines.some((other) => other.kind === 'begun' && other.verb === 'destroy'),
        'a release is lost',
      );
  }
  const events = await store.events.list({ limit: 100_000 });
  const made = lines.filter((line) => line.kind === 'done' && line.release).length;
  assert.ok(events.filter(({ kind }) => kind === 'release.created').length >= made, 'each has its event');
}
