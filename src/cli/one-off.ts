import { type Command, Option } from 'commander';
import { type AppFlags, appOptions } from './command.ts';
import { parseAssignments } from './config-text.ts';
import { usageError } from './errors.ts';
import { shellQuote } from './terminal-text.ts';

export interface OneOffFlags extends AppFlags {
  readonly env?: readonly string[];
  readonly size?: string;
}

/** What `run` and `run:detached` both take: a command line, its environment and its size. */
export function oneOffOptions(command: Command): Command {
  return (
    appOptions(command)
      .argument('[COMMAND...]', 'what to run; one word is a line for bash, several are run as they are')
      .option('-e, --env <A=1;B=2>', 'config vars for this run only; may be given again', collect)
      .option('-s, --size <size>', 'memory, such as 1G')
      // Habits of Heroku's client: nothing here notifies, and every command is started by the launcher.
      .addOption(new Option('--no-notify').hideHelp())
      .addOption(new Option('--no-launcher').hideHelp())
      .allowUnknownOption()
  );
}

/** The words as the shell line that means them. Throws `invalid_params` when there is no command among them. */
export function commandLine(words: readonly string[], name: string): string {
  const [first, ...others] = words;
  if (first === undefined) throw usageError(`Usage: paas ${name} COMMAND\nMust specify a command to run.`);
  // Commander leaves what it does not know to the command, which has begun by then only if a word of it came first.
  if (first.startsWith('-')) throw usageError(`Unknown option '${first}'`, `See: paas help ${name}`);
  return others.length === 0 ? first : words.map(shellQuote).join(' ');
}

/** What the API is asked for, beside the command and its terminal. */
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
