import { join } from 'node:path';

/** The layout of PAAS_HOME. Everything but state.db, repos and keys is a cache that can be rebuilt. */
export function paths(home: string) {
  return {
    state: join(home, 'state.db'),
    repos: join(home, 'repos'),
    keys: join(home, 'keys'),
    logs: join(home, 'logs'),
    run: join(home, 'run'),
    cache: join(home, 'cache'),
    /** How far the store has got, to recognise an older or another one. */
    mark: join(home, 'store.mark'),
    backups: join(home, 'backups'),
    /** Space that is freed when the disk is full. */
    reserve: join(home, 'reserve'),
    /** The log of an engine that the launcher started as a process of its own. */
    engineLog: join(home, 'logs', 'dockerd.log'),
    /** The hook that every repository shares, and the Node that runs it: git's own user can reach these, not the checkout. */
    hooks: join(home, 'hooks'),
    runtime: join(home, 'runtime'),
    apiSocket: join(home, 'run', 'api.sock'),
    hookSocket: join(home, 'run', 'hook.sock'),
    resolverSocket: join(home, 'run', 'resolver.sock'),
    /** Where a launcher watches the programs (system/program-link.ts). */
    resolverLink: join(home, 'run', 'resolver.link'),
    orchestratorLink: join(home, 'run', 'orchestrator.link'),
    routeSnapshot: join(home, 'run', 'routes.json'),
  } as const;
}
