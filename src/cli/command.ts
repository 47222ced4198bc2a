import { type Command, Option } from 'commander';
import type { Session } from './session.ts';

export type { AppFlags } from './app-resolution.ts';

/** Gives a command its arguments, options, examples and action. The default export of every file in commands/. */
export type DefineCommand = (command: Command, session: Session) => void;

/** `-a` and `-r`, which every command on one app takes. */
export function appOptions(command: Command): Command {
  return command
    .option('-a, --app <name>', 'the app; without it PAAS_APP, or the git remote of this folder')
    .option('-r, --remote <name>', 'the git remote whose app is meant');
}

/** `-d` and `-p`, which choose among an app's processes. `--dyno-name` is Heroku's newer word for `--dyno`. */
export function processOptions(command: Command, what: { readonly one: string; readonly all: string }): Command {
  return command
    .option('-d, --dyno <web.1>', what.one)
    .addOption(new Option('--dyno-name <web.1>').hideHelp())
    .on('option:dyno-name', (name: string) => command.setOptionValue('dyno', name))
    .option('-p, --process-type <web>', what.all);
}

/** Lines under "Examples" in the command's help: what to type, and why. */
export function examples(command: Command, lines: readonly (readonly [type: string, why?: string])[]): Command {
  const width = Math.max(...lines.map(([type]) => type.length));
  const text = lines.map(([type, why]) => `  $ ${why === undefined ? type : `${type.padEnd(width)}   ${why}`}`);
  return command.addHelpText('after', `\nExamples:\n${text.join('\n')}`);
}
