import { chmodSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readSettings } from '../src/config/settings.ts';
import { PlatformError } from '../src/domain/errors.ts';
import { createDockerEngine } from '../src/engine/docker-engine.ts';
import { prepareHost } from '../src/launcher/prepare.ts';
import { announceOn } from '../src/launcher/terminal.ts';
import { changedSuites, reasonNotToBegin } from './runner/changed-suites.ts';
import { changesSinceLanding } from './runner/changes.ts';
import { type Chosen, chosenBy } from './runner/chosen.ts';
import { isSuccess, nothingRun, type Outcome, together } from './runner/outcome.ts';
import { measurePace } from './runner/pace.ts';
import { runSuite } from './runner/run-suite.ts';
import { runTests } from './runner/run-tests.ts';
import { suites } from './runner/suites.ts';
import { printSummary } from './runner/summary.ts';
import { fileDeadlineMs } from './runner/test-file.ts';
import { claim, userClaimsDir } from './support/claims.ts';
import { scaled } from './support/deadline.ts';
import { unmountBelow } from './support/small-disk.ts';
import { checkout } from './support/source-files.ts';

/**
 * `npm test`: prepares the host as `npm start` does, then runs everything but the longer suites. `npm test -- unit e2e` runs
 * some of it, `npm test -- test/e2e/push.test.ts` one file, `npm run test:engines` a suite. With `--changed` the suites whose
 * folders changed since the previous landing follow. Ends with the summary lines of Node's test runner, over all of it.
 */

/** The time limit of a whole run with `--changed`. */
const changedRunMinutes = 60;

async function main(): Promise<boolean> {
  const begunMs = performance.now();
  const chosen = chosenBy(process.argv.slice(2));
  const interrupted = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => interrupted.abort(new Error('interrupted')));
  const time = chosen.withChanged ? [AbortSignal.timeout(changedRunMinutes * 60_000)] : [];
  const signal = AbortSignal.any([interrupted.signal, ...time]);
  if (chosen.needsEngine || chosen.withChanged) await prepare(signal);
  await prepareFolders();
  if (chosen.needsEngine || chosen.withChanged) process.env.PAAS_TEST_PACE ??= String(await measurePace());
  const pace = Number(process.env.PAAS_TEST_PACE ?? 1);
  if (pace > 1) process.stdout.write(`This machine is slow now: deadlines are ${pace} times as long.\n`);
  interrupted.signal.addEventListener('abort', () => process.exit(130));
  const outcome = await outcomeOfAll(chosen, { begunMs, signal });
  await printSummary(outcome, performance.now() - begunMs, process.stdout);
  return isSuccess(outcome);
}

async function prepare(signal: AbortSignal): Promise<void> {
  const settings = readSettings();
  const engine = createDockerEngine({ dockerHost: settings.dockerHost });
  await prepareHost(engine, settings, { announcer: announceOn(process.stderr), signal });
}

async function prepareFolders(): Promise<void> {
  // Every test file is a process. Without this cache, each would strip the same types again.
  process.env.NODE_COMPILE_CACHE ??= join(tmpdir(), `paas-test-compile-cache-${process.getuid?.()}`);
  mkdirSync(process.env.NODE_COMPILE_CACHE, { recursive: true });
  // Leftovers of a killed test go with the run's folder, or with the next run if this one is killed too.
  process.env.PAAS_TEST_CLAIMS ??= userClaimsDir();
  const folder = mkdtempSync(join(tmpdir(), 'paas-test-run-'));
  // git runs as a user of its own below it.
  chmodSync(folder, 0o711);
  await claim({ folder });
  process.on('exit', () => {
    unmountBelow(folder);
    rmSync(folder, { recursive: true, force: true });
  });
  process.env.TMPDIR = folder;
}

interface Time {
  readonly begunMs: number;
  readonly signal: AbortSignal;
}

async function outcomeOfAll(chosen: Chosen, time: Time): Promise<Outcome> {
  const { signal } = time;
  const options = { cwd: checkout, deadlineMs: scaled(fileDeadlineMs), signal, output: process.stdout };
  const outcomes = [chosen.batches.length > 0 ? await runTests(chosen.batches, options) : nothingRun];
  for (const suite of chosen.suites) outcomes.push(await runSuite(suite, chosen.settings, signal));
  if (chosen.withChanged) outcomes.push(await runChanged(together(outcomes), time));
  return together(outcomes);
}

async function runChanged(before: Outcome, { begunMs, signal }: Time): Promise<Outcome> {
  const changes = changesSinceLanding(checkout);
  const since = changes === null ? 'it is not known what changed' : `changes since ${changes.since.slice(0, 8)}`;
  const wanted = changedSuites(changes, suites);
  process.stdout.write(`\nLonger suites (${since}): ${wanted.map(({ name }) => name).join(', ') || 'none'}\n`);
  const outcomes: Outcome[] = [];
  for (const suite of wanted) {
    const minutesLeft = changedRunMinutes - (performance.now() - begunMs) / 60_000;
    const reason = isSuccess(before)
      ? reasonNotToBegin(suite, minutesLeft)
      : `${suite.name}: npm test failed before it`;
    outcomes.push(reason === null ? await runSuite(suite, [], signal) : { ...nothingRun, notRun: [reason] });
  }
  return together(outcomes);
}

main().then(
  (success) => process.exit(success ? 0 : 1),
  (error: unknown) => {
    const known = error instanceof PlatformError;
    process.stderr.write(` !     ${known ? error.message : (error as Error).stack}\n`);
    if (known && error.hint) process.stderr.write(` !     ${error.hint}\n`);
    process.exit(1);
  },
);
