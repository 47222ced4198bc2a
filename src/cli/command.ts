import { type Command, Option } from 'commander';
import type { Session } from './session.ts';

export type { AppFlags } from './app-resolution.ts';

/** Defines a command's arguments, options, examples and action. The default export of every file in commands/. */
export type DefineCommand = (command: Command, session: Session) => void;

/** Adds `-a` and `-r`, the options of every command on one app. */
export function appOptions(command: Command): Command {
  return command
    .option('-a, --app <name>', 'the app; without it PAAS_APP, or the git remote of this folder')
    .option('-r, --remote <name>', 'the git remote whose app is meant');
}

/** Adds `-d` and `-p`, which select an app's instances. `--dyno-name` is Heroku's newer word for `--dyno`, `--ps` its older one. */
export function processOptions(command: Command, what: { readonly one: string; readonly all: string }): Command {
  return command
    .option('-d, --dyno <web.1>', what.one)
    .addOption(new Option('--dyno-name <web.1>').hideHelp())
    .addOption(new Option('--ps <web.1>').hideHelp())
    .on('option:dyno-name', (name: string) => command.setOptionValue('dyno', name))
    .on('option:ps', (name: string) => command.setOptionValue('dyno', name))
    .option('-p, --process-type <web>', what.all);
}

/** Adds the "Examples" of the command's help: what to type, and why. */
export function examples(command: Command, lines: readonly (readonly [type: string, why?: string])[]): Command {
  const width = Math.max(...lines.map(([type]) => type.length));
  const text = lines.map(([type, why]) => `  $ ${why === undefined ? type : `${type.padEnd(width)}   ${why}`}`);
  return command.addHelpText('after', `\nExamples:\n${text.join('\n')}`);
}
