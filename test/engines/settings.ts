import { existsSync } from 'node:fs';
import { environment } from '../../src/config/environment.ts';
import { isRoot } from '../../src/system/privileges.ts';
import type { Setting } from '../runner/suites.ts';
import { NewerEngine } from './newer-engine.ts';

const cacheDir = environment().PAAS_TEST_ENGINES_CACHE ?? '/var/cache/paas-test-engines';

/** A newer engine than the installed one. A test gets its address as PAAS_DOCKER_HOST and runs in its network. */
export async function newerEngine(store: 'graph' | 'containerd'): Promise<Setting> {
  if (!isRoot()) throw new Error('A newer engine needs root: it has namespaces and a Debian directory.');
  if (!existsSync('/usr/bin/mmdebstrap'))
    throw new Error('A newer engine needs mmdebstrap: apt-get install mmdebstrap');
  const engine = await NewerEngine.start(cacheDir, store);
  return {
    env: { PAAS_DOCKER_HOST: engine.dockerHost },
    begin: (program, args) => engine.inItsNetwork(program, args),
    [Symbol.asyncDispose]: () => engine[Symbol.asyncDispose](),
  };
}
