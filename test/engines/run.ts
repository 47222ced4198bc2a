import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { environment } from '../../src/config/environment.ts';
import { isRoot } from '../../src/system/privileges.ts';
import { testDockerHost } from '../support/engine-fixture.ts';
import { NewerEngine } from './newer-engine.ts';

/**
 * `npm run test:engines`: the same tests on the installed engine, and on a newer one with each of its image stores. A
 * test gets the engine's address as PAAS_DOCKER_HOST and runs in that engine's network.
 * Arguments choose engines by name: installed, newer-graph, newer-containerd.
 */
const checkout = resolve(import.meta.dirname, '../..');
const files = ['test/contract/docker-engine.test.ts', 'test/engines/one-push.test.ts'];
const cacheDir = environment().PAAS_TEST_ENGINES_CACHE ?? '/var/cache/paas-test-engines';

const engines: Readonly<Record<string, () => Promise<boolean>>> = {
  installed: () => test(testDockerHost(), (program, args) => [program, args]),
  'newer-graph': () => testNewer('graph'),
  'newer-containerd': () => testNewer('containerd'),
};

async function testNewer(store: 'graph' | 'containerd'): Promise<boolean> {
  await using engine = await NewerEngine.start(cacheDir, store);
  return await test(engine.dockerHost, (program, args) => engine.inItsNetwork(program, args));
}

type Wrap = (program: string, args: readonly string[]) => readonly [string, readonly string[]];

async function test(dockerHost: string, wrap: Wrap): Promise<boolean> {
  const [program, args] = wrap(process.execPath, ['--test', '--test-reporter=spec', ...files]);
  const child = spawn(program, args, {
    cwd: checkout,
    env: { ...environment(), PAAS_DOCKER_HOST: dockerHost },
    stdio: 'inherit',
  });
  const [code] = await once(child, 'exit');
  return code === 0;
}

async function main(chosen: readonly string[]): Promise<boolean> {
  if (!isRoot()) throw new Error('test:engines needs root: it makes namespaces and a Debian directory.');
  if (!existsSync('/usr/bin/mmdebstrap'))
    throw new Error('test:engines needs mmdebstrap. Run: apt-get install mmdebstrap');
  const results: string[] = [];
  for (const name of chosen.length > 0 ? chosen : Object.keys(engines)) {
    const engine = engines[name];
    if (engine === undefined) throw new Error(`There is no engine "${name}": ${Object.keys(engines).join(', ')}.`);
    process.stdout.write(`\n== ${name}\n`);
    results.push(`${name}: ${(await engine()) ? 'passed' : 'FAILED'}`);
  }
  process.stdout.write(`\n${results.join('\n')}\n`);
  return results.every((result) => result.endsWith('passed'));
}

process.exitCode = (await main(process.argv.slice(2))) ? 0 : 1;
