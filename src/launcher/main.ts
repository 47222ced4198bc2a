import type { Settings } from '../config/settings.ts';
import { RunningPlatform } from './launch.ts';
import { LauncherLock } from './lock.ts';
import { readyMessage } from './ready-message.ts';
import { type PreparedMessage, runSetUp } from './run-set-up.ts';
import { Signals } from './signals.ts';
import { announceOn, endProcess, endWith, goOnUnread } from './terminal.ts';

/*
 * The launcher. It sets the host up, and then keeps the platform's two programs running. It loads no package, to use
 * little memory; the set-up runs in a process that ends.
 */

/** Requests in flight get this time to be answered. */
const stopGraceMs = 20_000;

const startedMs = performance.now();
const announcer = announceOn(process.stderr);

async function main(): Promise<number> {
  const signals = new Signals();
  const prepared = await runSetUp(process.argv.slice(2), signals);
  if (prepared.type === 'ended') return prepared.code;
  const lock = await LauncherLock.acquire(prepared.settings.home);
  try {
    await run(prepared, { lock, signals });
  } catch (error) {
    if (!signals.first.aborted) throw error;
  } finally {
    lock.release();
  }
  return 0;
}

async function run(
  { settings, env }: PreparedMessage,
  { lock, signals }: { readonly lock: LauncherLock; readonly signals: Signals },
): Promise<void> {
  const platform = new RunningPlatform(settings, { lock, announcer, terminal: process.stdout.isTTY, env });
  signals.second.addEventListener('abort', () => platform.kill());
  try {
    const { apiPort = settings.apiPort, address } = await platform.start(signals.first);
    const actual: Settings = { ...settings, apiPort, httpPort: address?.port ?? settings.httpPort };
    process.stdout.write(readyMessage(actual, performance.now() - startedMs));
    await signals.untilFirst();
    announcer.print(
      'Stopping the platform. The apps run on; press Ctrl-C again to stop waiting for requests in flight.',
    );
  } finally {
    await platform.stop(stopGraceMs);
  }
}

goOnUnread();
main().then(endProcess, endWith);
