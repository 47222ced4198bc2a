import { nearestWord } from '../system/did-you-mean.ts';
import type { DefineCommand } from './command.ts';

interface CommandModule {
  readonly default: DefineCommand;
}

export interface CommandEntry {
  /** For example `config:set`; the file is then commands/config/set.ts. */
  readonly name: string;
  readonly aliases: readonly string[];
  readonly summary: string;
  readonly load: () => Promise<CommandModule>;
}

export interface CommandGroup {
  readonly title: string;
  readonly commands: readonly CommandEntry[];
}

function command(name: string, summary: string, load: CommandEntry['load'], ...aliases: string[]): CommandEntry {
  return { name, summary, load, aliases };
}

/** Every command, in the order of the help. A command's file is loaded only to run the command or to show its help. */
export const commandGroups: readonly CommandGroup[] = [
  {
    title: 'Start here',
    commands: [
      command('demo', 'make a small sample app, push it and see it answer', () => import('./commands/demo.ts')),
      command(
        'create',
        'make an app and add it as the git remote paas',
        () => import('./commands/create.ts'),
        'apps:create',
      ),
      command('logs', "show or follow an app's log", () => import('./commands/logs.ts')),
      command('open', "open an app's address in a browser", () => import('./commands/open.ts'), 'apps:open'),
      command(
        'doctor',
        'check the platform and this machine, and say how to fix what is wrong',
        () => import('./commands/doctor.ts'),
      ),
    ],
  },
  {
    title: 'Apps',
    commands: [
      command('apps', 'list your apps', () => import('./commands/apps.ts'), 'apps:list', 'list'),
      command('info', 'show the details of an app', () => import('./commands/info.ts'), 'apps:info'),
      command('rename', 'give an app another name', () => import('./commands/rename.ts'), 'apps:rename'),
      command('destroy', 'delete an app and all its data', () => import('./commands/destroy.ts'), 'apps:destroy'),
      command('git:remote', 'add an app as a git remote of this folder', () => import('./commands/git/remote.ts')),
      command(
        'cache:purge',
        'let the next build start from nothing',
        () => import('./commands/cache/purge.ts'),
        'builds:cache:purge',
        'repo:purge_cache',
      ),
      command('maintenance', 'say whether maintenance mode is on', () => import('./commands/maintenance.ts')),
      command('maintenance:on', 'show the maintenance page', () => import('./commands/maintenance/on.ts')),
      command('maintenance:off', 'let visitors in again', () => import('./commands/maintenance/off.ts')),
    ],
  },
  {
    title: 'Config vars',
    commands: [
      command('config', 'show the config vars', () => import('./commands/config.ts')),
      command('config:get', 'print the value of config vars', () => import('./commands/config/get.ts')),
      command(
        'config:set',
        'set config vars, and restart the app with them',
        () => import('./commands/config/set.ts'),
        'config:add',
      ),
      command('config:unset', 'unset config vars', () => import('./commands/config/unset.ts'), 'config:remove'),
      command('config:import', 'set all config vars of a .env file', () => import('./commands/config/import.ts')),
    ],
  },
  {
    title: 'Processes',
    commands: [
      command('ps', 'show what runs', () => import('./commands/ps.ts')),
      command(
        'ps:scale',
        'change how many instances run, and how large',
        () => import('./commands/ps/scale.ts'),
        'scale',
        'dyno:scale',
      ),
      command('ps:restart', 'restart instances', () => import('./commands/ps/restart.ts'), 'restart', 'dyno:restart'),
      command(
        'ps:stop',
        'stop an instance or a process type',
        () => import('./commands/ps/stop.ts'),
        'stop',
        'kill',
        'ps:kill',
        'dyno:stop',
        'dyno:kill',
      ),
      command('run', 'run a command in a fresh instance of the app', () => import('./commands/run.ts')),
      command('run:detached', 'run a command in the background', () => import('./commands/run/detached.ts')),
    ],
  },
  {
    title: 'Releases and domains',
    commands: [
      command('releases', 'list the releases', () => import('./commands/releases.ts')),
      command('releases:info', 'show the details of a release', () => import('./commands/releases/info.ts')),
      command(
        'releases:rollback',
        'go back to an earlier release',
        () => import('./commands/releases/rollback.ts'),
        'rollback',
      ),
      command('domains', "list an app's hostnames", () => import('./commands/domains.ts')),
      command('domains:add', 'add a hostname', () => import('./commands/domains/add.ts')),
      command('domains:remove', 'remove a hostname', () => import('./commands/domains/remove.ts')),
      command('networks', 'show which networks an app cannot reach', () => import('./commands/networks.ts')),
      command('networks:allow', 'let an app reach a denied network', () => import('./commands/networks/allow.ts')),
      command('networks:deny', 'take back such an exception', () => import('./commands/networks/deny.ts')),
    ],
  },
  {
    title: 'Account and platform',
    commands: [
      command('login', 'log in with a token', () => import('./commands/login.ts'), 'auth:login'),
      command('logout', 'forget the token', () => import('./commands/logout.ts'), 'auth:logout'),
      command('whoami', 'show who is logged in', () => import('./commands/whoami.ts'), 'auth:whoami'),
      command('auth:token', 'print the token, for programs that use the API', () => import('./commands/auth/token.ts')),
      command('tokens', 'list the tokens of your account', () => import('./commands/tokens.ts')),
      command(
        'tokens:create',
        'make a token, for a CI or another machine',
        () => import('./commands/tokens/create.ts'),
      ),
      command('tokens:revoke', 'end a token and its open connections', () => import('./commands/tokens/revoke.ts')),
      command('names', 'list the names that are kept or allowed', () => import('./commands/names.ts')),
      command(
        'names:allow',
        'as administrator, let an account take a name that is reserved',
        () => import('./commands/names/allow.ts'),
      ),
      command('names:disallow', 'withdraw that again', () => import('./commands/names/disallow.ts')),
      command(
        'names:release',
        'as administrator, free a name that is kept for its last owner',
        () => import('./commands/names/release.ts'),
      ),
      command('version', 'show the version', () => import('./commands/version.ts')),
      command('platform:stop', 'stop the platform on this machine', () => import('./commands/platform/stop.ts')),
      command(
        'platform:backup',
        'back up the state of the platform on this machine',
        () => import('./commands/platform/backup.ts'),
      ),
      command('platform:backups', 'list its backups', () => import('./commands/platform/backups.ts')),
      command('platform:restore', 'put a backup back', () => import('./commands/platform/restore.ts')),
      command(
        'platform:uninstall',
        'remove what the platform put on this machine',
        () => import('./commands/platform/uninstall.ts'),
      ),
      command('stack:rebuild', 'make the stack images again', () => import('./commands/stack/rebuild.ts')),
    ],
  },
];

const all: readonly CommandEntry[] = commandGroups.flatMap((group) => group.commands);

const byName: ReadonlyMap<string, CommandEntry> = new Map(
  all.flatMap((entry) => [entry.name, ...entry.aliases].map((name) => [name, entry])),
);

export type CommandMatch =
  | { readonly kind: 'command'; readonly entry: CommandEntry; readonly rest: readonly string[] }
  | { readonly kind: 'topic'; readonly topic: string }
  | { readonly kind: 'unknown'; readonly name: string };

/** `config:set A=1` and `config set A=1` are the same command. `git` alone is a topic. */
export function findCommand(words: readonly string[]): CommandMatch {
  const [first = '', second, ...others] = words;
  const verb = second !== undefined && /^[a-z]/.test(second) ? byName.get(`${first}:${second}`) : undefined;
  if (verb) return { kind: 'command', entry: verb, rest: others };
  const entry = byName.get(first);
  if (entry) return { kind: 'command', entry, rest: words.slice(1) };
  if (commandsOf(first).length === 0) return { kind: 'unknown', name: first };
  return second === undefined || second.startsWith('-')
    ? { kind: 'topic', topic: first }
    : { kind: 'unknown', name: `${first}:${second}` };
}

/** The commands of a topic: `config` has `config:get`, `config:set` …, and by its alias `apps` has `apps:create`. */
export function commandsOf(topic: string): readonly CommandEntry[] {
  return all.flatMap((entry) => {
    const name = [entry.name, ...entry.aliases].find((candidate) => candidate.startsWith(`${topic}:`));
    return name === undefined ? [] : [{ ...entry, name }];
  });
}

/** Returns the command that the user probably meant, or null. */
export function nearestCommand(name: string): string | null {
  return nearestWord(name, [...byName.keys(), 'help']);
}
