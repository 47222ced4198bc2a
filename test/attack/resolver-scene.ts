import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { paths } from '../../src/config/settings.ts';
import type { ReservedRoute, Route } from '../../src/domain/route.ts';
import { createResolverClient } from '../../src/routing/resolver-client.ts';
import { startResolverProgram } from '../support/resolver-program.ts';
import type { Scene } from './attack.ts';

export const neighbourHost = 'neighbour.localhost';
export const attackedHost = 'attacked.localhost';

/** The visitors of the neighbour come from here; no attack does. */
const visitorAddress = '127.9.9.9';

export interface ResolverSceneOptions {
  /** The port of the attacked app on 127.0.0.1. It belongs to the attacker: start it in the test. */
  readonly attackedPort: number;
  /** Settings of the platform by their environment names. */
  readonly settings?: Readonly<Record<string, string>>;
}

export interface ResolverScene extends Scene, AsyncDisposable {
  readonly port: number;
}

/**
 * The resolver's own program with two apps, `attackedHost` and `neighbourHost`, and the platform's reserved hostnames, which
 * the neighbour's app answers too.
 */
export async function startResolverScene({
  attackedPort,
  settings = {},
}: ResolverSceneOptions): Promise<ResolverScene> {
  const home = await mkdtemp(join(tmpdir(), 'paas-attack-'));
  const app = fork(join(import.meta.dirname, 'app-program.ts'), [], {
    env: { PATH: '/usr/bin:/bin' },
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const [neighbourPort] = await once(app, 'message');
  const resolver = await startResolverProgram(home, settings);
  const { port } = resolver;
  await createResolverClient(paths(home).resolverSocket).publish({
    version: 1,
    routes: [routeOf('attacked', attackedHost, attackedPort), routeOf('neighbour', neighbourHost, neighbourPort)],
    reserved: ['api.localhost', 'git.localhost', 'dashboard.localhost'].map((hostname): ReservedRoute => {
      return { hostname, address: '127.0.0.1', port: neighbourPort };
    }),
  });
  return {
    port,
    pid: resolver.hello.pid,
    watched: [{ port, host: neighbourHost, from: visitorAddress }],
    async [Symbol.asyncDispose]() {
      await resolver[Symbol.asyncDispose]();
      app.kill('SIGKILL');
      if (app.exitCode === null && app.signalCode === null) await once(app, 'exit');
      await rm(home, { recursive: true, force: true });
    },
  };
}

function routeOf(appName: string, hostname: string, port: number): Route {
  const facts = { instanceId: appName, hostId: 'local', name: 'web.1', release: 1, state: 'live' } as const;
  return {
    appId: appName,
    appName,
    rules: [{ hostname, path: '/' }],
    state: 'live',
    targets: [{ ...facts, address: '127.0.0.1', port }],
  };
}
