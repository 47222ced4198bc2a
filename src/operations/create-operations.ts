import type { Operations } from '../domain/operations.ts';
import type { Terminals } from '../supervisor/terminals.ts';
import { type AppsDeps, createApp, destroyApp, purgeBuildCache, renameApp, setMaintenance } from './apps.ts';
import { changeConfig, rollback } from './config.ts';
import { deployPush } from './deploy.ts';
import { addDomain, removeDomain } from './domains.ts';
import { restart, scale, stop } from './formation.ts';
import { allowName, forgetName } from './names.ts';
import { allowNetwork, denyNetwork } from './networks.ts';
import { attachRun, run } from './one-off.ts';
import { createToken, revokeToken } from './tokens.ts';

export interface OperationsDeps extends AppsDeps {
  readonly terminals: Terminals;
}

/** The verbs of the platform, bound to their collaborators. The doors call nothing else of this folder. */
export function createOperations(deps: OperationsDeps): Operations {
  return {
    createApp: (name, actor) => createApp(name, actor, deps),
    renameApp: (app, name, actor) => renameApp(app, name, { actor, deps }),
    setMaintenance: (app, on, actor) => setMaintenance(app, on, { actor, deps }),
    purgeBuildCache: (app, actor) => purgeBuildCache(app, { actor, deps }),
    destroyApp: (app, actor) => destroyApp(app, actor, deps),
    deployPush: (request, output, signal) => deployPush(request, output, { deps, signal }),
    changeConfig: (app, changes, actor) => changeConfig(app, changes, { actor, deps }),
    rollback: (app, version, actor) => rollback(app, version, { actor, deps }),
    scale: (app, changes, actor) => scale(app, changes, { actor, deps }),
    restart: (app, process, actor) => restart(app, process, { actor, deps }),
    stop: (app, process, actor) => stop(app, process, { actor, deps }),
    addDomain: (app, hostname, actor) => addDomain(app, hostname, { actor, deps }),
    removeDomain: (app, hostname, actor) => removeDomain(app, hostname, { actor, deps }),
    allowName: (name, account, actor) => allowName(name, account, { actor, deps }),
    disallowName: (name, actor) => forgetName(name, 'allowed', { actor, deps }),
    releaseName: (name, actor) => forgetName(name, 'kept', { actor, deps }),
    allowNetwork: (app, network, actor) => allowNetwork(app, network, { actor, deps }),
    denyNetwork: (app, network, actor) => denyNetwork(app, network, { actor, deps }),
    createToken: (request, actor) => createToken(request, actor, deps.store),
    revokeToken: (prefixOrId, actor) => revokeToken(prefixOrId, actor, deps.store),
    run: (app, request, actor) => run(app, request, { actor, deps }),
    attachRun: (app, instanceId, signal) => attachRun(app, instanceId, { signal, deps }),
  };
}
