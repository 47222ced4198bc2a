import { type Command, Option } from 'commander';
import { type AppFlags, appOptions } from './command.ts';
import { parseAssignments } from './config-text.ts';
import { usageError } from './errors.ts';
import { shellQuote } from './terminal-text.ts';

export interface OneOffFlags extends AppFlags {
  readonly env?: readonly string[];
  readonly size?: string;
}

/** Adds what `run` and `run:detached` share: the command line, its environment and its size. */
export function oneOffOptions(command: Command): Command {
  return (
    appOptions(command)
      .argument('[COMMAND...]', 'the command; a single argument is a line for bash, several are run unchanged')
      .option('-e, --env <A=1;B=2>', 'config vars for this run only; may be repeated', collect)
      .option('-s, --size <size>', 'cloudlets: reserved and limit (1-8), or memory reserved whole (1G)')
      // Accepted from users of Heroku's client, without effect: nothing notifies, and the launcher starts every command.
      .addOption(new Option('--no-notify').hideHelp())
      .addOption(new Option('--no-launcher').hideHelp())
      .allowUnknownOption()
  );
}

/** Joins the words to one shell line, quoted where needed. Throws `invalid_params` when there is no command. */
export function commandLine(words: readonly string[], name: string): string {
  const [first, ...others] = words;
  if (first === undefined || words.join('').trim() === '')
    throw usageError(`Usage: paas ${name} COMMAND\nMust specify a command to run.`);
  // Commander passes unknown options on to the command. Before the command's first word they are mistakes.
  if (first.startsWith('-')) throw usageError(`Unknown option '${first}'`, `See: paas help ${name}`);
  return others.length === 0 ? first : words.map(shellQuote).join(' ');
}

/** The request's fields beside the command and its terminal. */
export function oneOffBody(flags: OneOffFlags): {
  readonly env: Readonly<Record<string, string>>;
  readonly size?: string;
} {
  const env = parseAssignments(flags.env ?? []);
  return { env, ...(flags.size === undefined ? {} : { size: flags.size }) };
}

function collect(word: string, all: readonly string[] = []): readonly string[] {
  return [...all, ...word.split(';').filter((part) => part.trim() !== '')];
}
