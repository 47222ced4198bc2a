import { type ParseArgsConfig, parseArgs } from 'node:util';
import { ensureStacks } from '../builder/stack.ts';
import { readSettings, type Settings } from '../config/settings.ts';
import type { Engine } from '../domain/engine.ts';
import { PlatformError } from '../domain/errors.ts';
import { createDockerEngine } from '../engine/docker-engine.ts';
import { backUpNow, describeBackups } from './backup-commands.ts';
import { restorePlatform } from './restore.ts';
import { ownLabels, ownsLogin, stopApps, stopPlatform } from './stop.ts';
import { type Announcer, announceOn } from './terminal.ts';
import { uninstall } from './uninstall.ts';

interface CommandDeps {
  readonly settings: Settings;
  readonly engine: Engine;
  readonly announcer: Announcer;
}

/** What was done, for `--json`. The announcer prints the words for a person. */
type Result = Readonly<Record<string, unknown>>;
type LocalCommand = (deps: CommandDeps, args: readonly string[]) => Promise<Result>;

const commands: Readonly<Record<string, LocalCommand>> = {
  'platform:stop': stopCommand,
  'platform:uninstall': uninstallCommand,
  'platform:backup': backupCommand,
  'platform:backups': async ({ settings, announcer }) => describeBackups(settings, announcer),
  'platform:restore': restoreCommand,
  'stack:rebuild': rebuildCommand,
};

/**
 * Performs a command of `paas` that acts on this machine and not through the API. Returns what was done. Throws
 * `invalid_params` for an unknown name or flag, and `confirmation_required`.
 */
export async function runLocalCommand(name: string, args: readonly string[]): Promise<Result> {
  const command = commands[name];
  if (!command) throw new PlatformError('invalid_params', `There is no command ${name}.`, { hint: 'See paas help.' });
  const settings = readSettings();
  const engine = createDockerEngine({ dockerHost: settings.dockerHost });
  return command({ settings, engine, announcer: announceOn(process.stderr) }, args);
}

async function stopCommand({ settings, engine, announcer }: CommandDeps, args: readonly string[]): Promise<Result> {
  const flags = parse('platform:stop', args, { apps: { type: 'boolean' } });
  const stopped = await stopPlatform(settings, announcer);
  if (!stopped) announcer.print(`No platform runs in ${settings.home}.`);
  if (!flags.apps) return { home: settings.home, stopped };
  const labels = await ownLabels(settings);
  const count = labels ? await stopApps(engine, settings, labels) : 0;
  announcer.step(`Stopped ${count} instances; the next npm start starts the apps again`);
  return { home: settings.home, stopped, instances: count };
}

async function uninstallCommand(
  { settings, engine, announcer }: CommandDeps,
  args: readonly string[],
): Promise<Result> {
  const flags = parse('platform:uninstall', args, { confirm: { type: 'string' } });
  if (flags.confirm !== settings.domain) {
    throw new PlatformError(
      'confirmation_required',
      `This removes every app of the platform in ${settings.home} with its containers, images and volumes.`,
      { hint: `To go on: paas platform:uninstall --confirm ${settings.domain}` },
    );
  }
  await stopPlatform(settings, announcer);
  const login = (await ownsLogin(settings)) ?? true;
  await uninstall(engine, settings, { labels: await ownLabels(settings), login, announcer });
  return { home: settings.home };
}

async function backupCommand({ settings, announcer }: CommandDeps, args: readonly string[]): Promise<Result> {
  const [file] = parseWords('platform:backup', args, {}).positionals;
  return await onDisk(backUpNow(settings, file, announcer));
}

async function restoreCommand(deps: CommandDeps, args: readonly string[]): Promise<Result> {
  const options = { confirm: { type: 'string' }, key: { type: 'string' } } as const;
  const { values, positionals } = parseWords('platform:restore', args, options);
  return await onDisk(restorePlatform({ file: positionals[0], key: values.key, confirm: values.confirm }, deps));
}

/** A disk that is full, or a file that may not be written, is no defect. */
async function onDisk(work: Promise<Result>): Promise<Result> {
  try {
    return await work;
  } catch (cause) {
    if (!(cause instanceof Error && 'syscall' in cause)) throw cause;
    throw new PlatformError('unavailable', `The disk did not take it: ${cause.message}.`, {
      hint: 'Nothing that was there is lost. See what is full or may not be written, and try again.',
      cause,
    });
  }
}

async function rebuildCommand({ settings, engine, announcer }: CommandDeps, args: readonly string[]): Promise<Result> {
  parse('stack:rebuild', args, {});
  announcer.step(`Making the stack images of Debian ${settings.stackSuite} anew`);
  const stack = await ensureStacks(engine, settings, { progress: (line) => announcer.detail(line), rebuild: true });
  announcer.step(
    `Builds from now on use ${stack.buildImageId.slice(7, 19)}, and apps run on ${stack.runImageId.slice(7, 19)}`,
  );
  return { build_image: stack.buildImageId, run_image: stack.runImageId };
}

type Flags = Readonly<Record<string, { readonly type: 'string' | 'boolean' }>>;

function parse<T extends Flags>(name: string, args: readonly string[], options: T) {
  return read(name, { args: [...args], options, strict: true }).values;
}

/** For a command that takes words beside its flags. */
function parseWords<T extends Flags>(name: string, args: readonly string[], options: T) {
  return read(name, { args: [...args], options, strict: true, allowPositionals: true });
}

function read<T extends ParseArgsConfig>(name: string, config: T) {
  try {
    return parseArgs(config);
  } catch (cause) {
    throw new PlatformError('invalid_params', `paas ${name}: ${(cause as Error).message}`, { cause });
  }
}
