import { environment } from '../config/environment.ts';
import { readSettings } from '../config/settings.ts';
import { environmentOf, readArguments, startHelp } from './arguments.ts';
import { prepareHome } from './home.ts';
import { type ConfiguredMessage, newPlatformFlag } from './run-set-up.ts';
import { Signals } from './signals.ts';
import { makeStartRoom } from './start-room.ts';
import { announceOn, endProcess, endWith, goOnUnread } from './terminal.ts';

/*
 * The set-up, a process of its own that the launcher runs. It loads the builder, the store, the engine and every
 * schema: 80 MB that the launcher does not need while the platform runs. It reads the settings before it loads them,
 * because the launcher waits for the settings to serve the visitors.
 */

async function main(): Promise<void> {
  const signals = new Signals();
  process.on('disconnect', () => signals.hear('the launcher is gone'));
  const args = process.argv.slice(2);
  const flags = readArguments(args.filter((word) => word !== newPlatformFlag));
  if (flags === 'help') return void process.stdout.write(startHelp());
  const settings = readSettings(environment(), flags);
  await prepareHome(settings.home);
  makeStartRoom(settings, announceOn(process.stderr));
  const answered = new Promise((resolve) => process.once('message', resolve));
  await send({ type: 'configured', settings, env: environmentOf(flags) });
  const stopped = signals.untilFirst();
  const { performSteps } = await import('./perform-steps.ts');
  await Promise.race([answered, stopped]);
  const options = { isNewPlatform: args.includes(newPlatformFlag), signal: signals.first };
  if (!signals.first.aborted) await performSteps(settings, options);
}

function send(message: ConfiguredMessage): Promise<void> {
  return new Promise((resolve) => (process.send ? process.send(message, () => resolve()) : resolve()));
}

goOnUnread();
main().then(() => endProcess(0), endWith);
