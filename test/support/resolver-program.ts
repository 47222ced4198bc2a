import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { paths } from '../../src/config/settings.ts';
import { resolverRuntime } from '../../src/launcher/resolver-runtime.ts';
import { type StartedProgram, startProgram } from './programs.ts';

/** As on a running platform, where only the first start has the type stripper in its memory. */
const compileCache = join(tmpdir(), 'paas-test-compiled');

export interface ResolverProgram extends StartedProgram {
  readonly port: number;
}

/** The resolver's own program on a free port of 127.0.0.1, run as the launcher runs it. `settings`: by environment names. */
export async function startResolverProgram(
  home: string,
  settings: Readonly<Record<string, string>> = {},
): Promise<ResolverProgram> {
  const started = await startProgram(join(import.meta.dirname, '../../src/resolver/main.ts'), {
    link: paths(home).resolverLink,
    nodeArgs: resolverRuntime.nodeArgs,
    env: {
      PATH: '/usr/bin:/bin',
      ...resolverRuntime.env,
      NODE_COMPILE_CACHE: compileCache,
      PAAS_HOME: home,
      PAAS_BIND: '127.0.0.1',
      PAAS_HTTP_PORT: '0',
      PAAS_LOG_LEVEL: 'error',
      ...settings,
    },
  });
  return { ...started, port: started.hello.facts.address?.port ?? 0 };
}
