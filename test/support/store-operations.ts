import { randomInt } from 'node:crypto';
import type { Actor } from '../../src/domain/actor.ts';
import type { App } from '../../src/domain/app.ts';
import { PlatformError } from '../../src/domain/errors.ts';
import { defaultInstanceSize } from '../../src/domain/instance-size.ts';
import type { Operations, RunRequest, RunSession } from '../../src/domain/operations.ts';
import type { Release, ReleaseCause } from '../../src/domain/release.ts';
import type { Store } from '../../src/domain/store.ts';
import { forgetApp, purgeBuildCache, renameApp, setMaintenance } from '../../src/operations/apps.ts';
import { addDomain, removeDomain } from '../../src/operations/domains.ts';
import { allowName, forgetName, type NamesDeps, takeAppName } from '../../src/operations/names.ts';
import { allowNetwork, denyNetwork } from '../../src/operations/networks.ts';
import { createToken, revokeToken } from '../../src/operations/tokens.ts';
import { systemClock } from '../../src/system/clock.ts';
import { currentIdOf } from './store-fixture.ts';

/**
 * The platform's verbs on a real store without an engine: no container starts, so a test of the API needs no engine. Calls
 * of verbs that write nothing to the store are kept in `asked`.
 */
export interface StoreOperations extends Operations {
  readonly asked: { readonly verb: string; readonly process: string | null; readonly actor: Actor }[];
  readonly runs: RunRequest[];
  /** The result of attaching, set by the test. */
  attach: (app: App, instanceId: string, signal: AbortSignal) => Promise<RunSession>;
}

export function storeOperations(store: Store, platformDomain = 'localhost'): StoreOperations {
  const release = async (app: App, cause: ReleaseCause, actor: Actor, from?: Release): Promise<Release> => {
    const current = await store.releases.find(await currentIdOf(store, app));
    const made = await store.releases.create({
      appId: app.id,
      artifactId: (from ?? current)?.artifactId ?? null,
      cause,
      description: cause,
      accountId: actor.accountId,
      config: await store.configVars.get(app.id),
    });
    await store.releases.setStatus(made.id, 'succeeded');
    await store.traffic.switchAllTo(app.id, made.id);
    return { ...made, status: 'succeeded' };
  };
  const deps: NamesDeps = { store, clock: systemClock, platformDomain, nameKeepMs: 30 * 86_400_000 };
  const operations: StoreOperations = {
    asked: [],
    runs: [],
    attach: async () => {
      throw new PlatformError('not_found', 'No such one-off.');
    },
    async createApp(name, actor) {
      const chosen = name ?? `calm-river-${randomInt(1000, 1_000_000)}`;
      const app = await store.transaction(async (tables) => {
        await takeAppName(tables, chosen, { actor, deps });
        return await tables.apps.create({ name: chosen, ownerId: actor.accountId });
      });
      await release(app, 'create', actor);
      return store.apps.get(app.id);
    },
    renameApp: (app, name, actor) => renameApp(app, name, { actor, deps }),
    setMaintenance: (app, on, actor) => setMaintenance(app, on, { actor, deps: { store } }),
    purgeBuildCache: (app, actor) => purgeBuildCache(app, { actor, deps: { store } }),
    destroyApp: (app, actor) => forgetApp(app, { actor, deps }),
    async deployPush() {
      throw new PlatformError('internal', 'The API never pushes.');
    },
    async changeConfig(app, changes, actor) {
      await store.configVars.change(app.id, changes);
      return release(app, 'config', actor);
    },
    async rollback(app, version, actor) {
      const target = version === null ? null : await store.releases.findByVersion(app.id, version);
      if (!target) throw new PlatformError('not_found', `${app.name} has no such release.`);
      await store.configVars.replace(app.id, target.config);
      return release(app, 'rollback', actor, target);
    },
    async scale(app, changes) {
      const entries = await store.formations.list(app.id);
      const wanted = changes.map(({ type, quantity, size }) => {
        const entry = entries.find((candidate) => candidate.type === type);
        if (!entry) throw new PlatformError('not_found', `${app.name} has no process type ${type}.`);
        const count = quantity && ('set' in quantity ? quantity.set : entry.quantity + quantity.add);
        return { appId: app.id, type, quantity: count ?? entry.quantity, size: size ?? entry.size };
      });
      return Promise.all(wanted.map((entry) => store.formations.put(entry)));
    },
    async restart(_, process, actor) {
      operations.asked.push({ verb: 'restart', process, actor });
    },
    async stop(_, process, actor) {
      operations.asked.push({ verb: 'stop', process, actor });
    },
    addDomain: (app, hostname, actor) => addDomain(app, hostname, { actor, deps }),
    removeDomain: (app, hostname, actor) => removeDomain(app, hostname, { actor, deps }),
    allowName: (name, account, actor) => allowName(name, account, { actor, deps }),
    disallowName: (name, actor) => forgetName(name, 'allowed', { actor, deps }),
    releaseName: (name, actor) => forgetName(name, 'kept', { actor, deps }),
    allowNetwork: (app, network, actor) => allowNetwork(app, network, { actor, deps: { store } }),
    denyNetwork: (app, network, actor) => denyNetwork(app, network, { actor, deps: { store } }),
    createToken: (request, actor) => createToken(request, actor, store),
    revokeToken: (prefixOrId, actor) => revokeToken(prefixOrId, actor, store),
    async run(app, request) {
      operations.runs.push(request);
      const releaseId = await currentIdOf(store, app);
      if (!releaseId) throw new PlatformError('conflict', 'Nothing to run yet.');
      return store.instances.create({
        appId: app.id,
        workload: { kind: 'release', releaseId },
        hostId: (await store.hosts.list())[0]?.id ?? '',
        type: 'run',
        slot: randomInt(1000, 10_000),
        size: request.size ?? defaultInstanceSize,
        command: ['bash', '-c', request.command],
        notBefore: null,
        failures: 0,
      });
    },
    attachRun: (app, instanceId, signal) => operations.attach(app, instanceId, signal),
  };
  return operations;
}
