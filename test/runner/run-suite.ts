import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { environment } from '../../src/config/environment.ts';
import { checkout } from '../support/source-files.ts';
import { noCounts, nothingRun, type Outcome, together } from './outcome.ts';
import type { Setting, Suite } from './suites.ts';

/** Runs a suite in the settings that are named, or in all. A setting that does not come about is one failed test. */
export async function runSuite(suite: Suite, chosen: readonly string[], signal: AbortSignal): Promise<Outcome> {
  const outcomes: Outcome[] = [];
  for (const [name, start] of Object.entries(suite.settings)) {
    if (chosen.length > 0 && !chosen.includes(name)) continue;
    const title = `${suite.name}, ${name}`;
    process.stdout.write(`\n== ${title}\n`);
    try {
      await using setting = await start();
      outcomes.push(inSetting(title, await runIn(setting, suite.files, signal)));
    } catch (error) {
      process.stdout.write(`${(error as Error).stack}\n`);
      outcomes.push(failedAsOne(title));
    }
  }
  return together(outcomes);
}

/** The same runner in a process of its own, which sends back what came of it. */
async function runIn(setting: Setting, files: readonly string[], signal: AbortSignal): Promise<Outcome> {
  const runner = [join(checkout, 'src/bootstrap.cjs'), join(checkout, 'test/runner/inner.ts'), ...files];
  const [program, args] = setting.begin(process.execPath, runner);
  const child = spawn(program, args, {
    cwd: checkout,
    env: { ...environment(), ...setting.env },
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  let outcome: Outcome | null = null;
  child.on('message', (message) => {
    outcome = message as Outcome;
  });
  const end = () => child.kill('SIGTERM');
  signal.addEventListener('abort', end, { once: true });
  if (signal.aborted) end();
  const [code, by] = await once(child, 'close');
  signal.removeEventListener('abort', end);
  if (outcome === null) throw new Error(`The runner ended with ${by ?? code} and no result.`);
  return outcome;
}

/** The same file fails or passes by its setting. */
function inSetting(title: string, outcome: Outcome): Outcome {
  const titled = (names: Outcome['failed']) => names.map(({ file, test }) => ({ file, test: `${test} (${title})` }));
  return { ...outcome, failed: titled(outcome.failed), flaky: titled(outcome.flaky) };
}

function failedAsOne(title: string): Outcome {
  const counts = { ...noCounts, tests: 1, fail: 1 };
  return { ...nothingRun, counts, failed: [{ file: title, test: 'it runs at all' }] };
}
