import type { Command } from 'commander';
import { PlatformError } from '../domain/errors.ts';
import { type CommandEntry, commandsOf, findCommand, nearestCommand } from './commands.ts';
import { errorDocument, exitCodeOf, exitCodes, printError, usageError } from './errors.ts';
import type { Io } from './io.ts';
import { Session } from './session.ts';

/**
 * The `paas` command: runs the command in `argv` and resolves with the exit code (see `exitCodes`). Never throws, and leaves
 * nothing running.
 */
export async function run(argv: readonly string[], io: Io): Promise<number> {
  const session = new Session(io);
  try {
    return await dispatch(argv, session);
  } catch (error) {
    if (io.signal.aborted) return exitCodes.failed;
    printError(io, error);
    // A stream's lines are documents of another kind.
    if (session.json && argv[0] !== 'logs') session.printJson(errorDocument(error));
    return exitCodeOf(error);
  } finally {
    await session.close();
  }
}

async function dispatch(argv: readonly string[], session: Session): Promise<number> {
  const [first] = argv;
  if (first === undefined || first === '--help' || first === '-h') return showHelp([], session);
  if (first === 'help') return showHelp(argv.slice(1), session);
  if (first === '--version' || first === '-v') return dispatch(['version', ...argv.slice(1)], session);
  if (first.startsWith('-')) throw usageError(`The command must come first, before ${first}.`, 'See: paas help');
  const found = findCommand(argv);
  if (found.kind === 'topic') return showHelp([found.topic], session);
  if (found.kind === 'unknown') return unknownCommand(found.name, session);
  return runCommand(found.entry, found.rest, session);
}

async function runCommand(entry: CommandEntry, args: readonly string[], session: Session): Promise<number> {
  const { CommanderError } = await import('commander');
  const command = await define(entry, session);
  const [operand] = args;
  if (
    command.registeredArguments.length === 0 &&
    operand &&
    /^[a-z]/.test(operand) &&
    commandsOf(entry.name).length > 0
  ) {
    return operand === 'help' ? showHelp([entry.name], session) : unknownCommand(`${entry.name}:${operand}`, session);
  }
  try {
    await command.parseAsync(args as string[], { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return exitCodes.ok;
    // Users of Heroku's client may type the app's name without --app.
    const takesNoArguments = command.registeredArguments.length === 0;
    const takesApp = command.options.some(({ long }) => long === '--app');
    const meantApp = error.code === 'commander.excessArguments' && takesNoArguments && takesApp;
    throw usageError(
      capitalised(error.message.replace(/^error: /, '')),
      `${meantApp ? `To choose another app: paas ${entry.name} --app ${operand}\n` : ''}See: paas help ${entry.name}`,
    );
  }
  return session.exitCode;
}

async function define(entry: CommandEntry, session: Session): Promise<Command> {
  const { Command } = await import('commander');
  const command = new Command(`paas ${entry.name}`).description(capitalised(entry.summary));
  command.exitOverride().configureOutput({
    writeOut: (text) => session.io.stdout.write(text),
    writeErr: () => {}, // `run` prints usage errors in the same form as all errors.
    getOutHelpWidth: () => session.io.stdout.columns || 100,
  });
  command.configureHelp({ helpWidth: session.io.stdout.columns || 100 });
  (await entry.load()).default(command, session);
  command
    // In `run make -j 4` the -j belongs to make.
    .option(entry.name.startsWith('run') ? '--json' : '-j, --json', 'print data for programs')
    .option('--api <url>', "the platform's API (default: PAAS_API, or the platform that you are logged in to)")
    .helpOption('-h, --help', 'explain the command')
    .hook('preAction', (_, action) => session.configure(action.opts()));
  if (entry.aliases.length > 0) command.addHelpText('after', `\nAlso: paas ${entry.aliases.join(', paas ')}`);
  return command;
}

async function showHelp(words: readonly string[], session: Session): Promise<number> {
  const { overview, topicHelp } = await import('./help.ts');
  if (words.length === 0 || words[0] === 'help') {
    session.print(overview(session.style));
    return exitCodes.ok;
  }
  const found = findCommand(words);
  if (found.kind === 'unknown') return unknownCommand(found.name, session);
  if (found.kind === 'topic') {
    session.print(topicHelp(session.style, found.topic));
    return exitCodes.ok;
  }
  const command = await define(found.entry, session);
  command.outputHelp();
  if (commandsOf(found.entry.name).length > 0) session.print(`\n${topicHelp(session.style, found.entry.name)}`);
  return exitCodes.ok;
}

function unknownCommand(name: string, session: Session): number {
  const nearest = nearestCommand(name);
  printError(
    session.io,
    new PlatformError('invalid_params', `${name} is not a paas command.`, {
      hint: `${nearest === null ? '' : `Did you mean ${nearest}?\n`}Run paas help for a list of available commands.`,
    }),
  );
  return exitCodes.unknownCommand;
}

function capitalised(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
