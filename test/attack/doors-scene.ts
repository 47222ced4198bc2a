import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { paths } from '../../src/config/settings.ts';
import { orchestratorArgs } from '../../src/launcher/launch.ts';
import { createResolverClient } from '../../src/routing/resolver-client.ts';
import { startResolverProgram } from '../support/resolver-program.ts';
import type { Scene } from './attack.ts';
import type { DoorsReady } from './doors-program.ts';
import type { Watched } from './watch.ts';

export interface DoorsScene extends Scene, AsyncDisposable {
  /** The API's own port, where git comes in too. */
  readonly port: number;
  /** The resolver's, which has `api.localhost` and `git.localhost`. */
  readonly publicPort: number;
  /** Of a member who attacks. */
  readonly attackerToken: string;
  /** The name of the attacker's app. */
  readonly attackerApp: string;
}

/**
 * The API and git in one process, the resolver in front in another. A member asks both for what needs a token, at the API's
 * own port and through the resolver.
 */
export async function startDoorsScene(): Promise<DoorsScene> {
  const home = await mkdtemp(join(tmpdir(), 'paas-attack-'));
  const doors = fork(join(import.meta.dirname, 'doors-program.ts'), [], {
    env: { PATH: '/usr/bin:/bin' },
    execArgv: [...orchestratorArgs],
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const [ready] = (await once(doors, 'message')) as [DoorsReady];
  const reserved = ['api', 'git'].map((label) => {
    return { hostname: `${label}.localhost`, address: '127.0.0.1', port: ready.port };
  });
  const resolver = await startResolverProgram(home);
  const publicPort = resolver.port;
  await createResolverClient(paths(home).resolverSocket).publish({ version: 1, routes: [], reserved });
  const headers = { Authorization: `Bearer ${ready.memberToken}` };
  const account = { path: '/account', headers, from: '127.9.9.9' };
  const fetch = { path: `/${ready.memberApp}.git/info/refs?service=git-upload-pack`, headers, from: '127.9.9.9' };
  const watched: readonly Watched[] = [
    { port: ready.port, host: 'localhost', ...account },
    { port: publicPort, host: 'api.localhost', ...account },
    { port: ready.port, host: 'localhost', ...account },
    { port: publicPort, host: 'api.localhost', ...account },
    { port: ready.port, host: 'localhost', ...fetch },
    { port: publicPort, host: 'git.localhost', ...fetch },
  ];
  return {
    ...{ watched, publicPort, pid: doors.pid ?? 0 },
    ...{ port: ready.port, attackerToken: ready.attackerToken, attackerApp: ready.attackerApp },
    async [Symbol.asyncDispose]() {
      await resolver[Symbol.asyncDispose]();
      doors.disconnect();
      if (doors.exitCode === null && doors.signalCode === null) await once(doors, 'exit');
      await rm(home, { recursive: true, force: true });
    },
  };
}
