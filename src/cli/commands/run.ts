import { PlatformError } from '../../domain/errors.ts';
import { attach } from '../attach.ts';
import { type AppFlags, appOptions, type DefineCommand, examples } from '../command.ts';
import { parseAssignments } from '../config-text.ts';
import { usageError } from '../errors.ts';
import { shellQuote } from '../terminal-text.ts';

interface Flags extends AppFlags {
  readonly env: readonly string[];
  readonly size?: string;
  readonly tty: boolean;
}

const define: DefineCommand = (command, session) => {
  appOptions(command)
    .argument('[COMMAND...]', 'what to run; one word is a line for bash, several are run as they are')
    .option('-e, --env <A=1;B=2>', 'config vars for this run only; may be given again', collect, [])
    .option('-s, --size <size>', 'memory, such as 1G')
    .option('-x, --exit-code', "end with the command's exit code (always done)")
    .option('--no-tty', 'give the command no terminal')
    .allowUnknownOption()
    .action(async (words: readonly string[], flags: Flags) => {
      if (words.length === 0) throw usageError('Usage: paas run COMMAND\nMust specify a command to run.');
      if (session.json) throw usageError('paas run prints what the command prints: it has no --json.');
      const app = await session.app(flags);
      const { stdin, stdout } = session.io;
      const tty = flags.tty && stdin.isTTY === true && stdout.isTTY === true;
      const line = commandLine(words);
      const api = await session.api();
      const attachment = await session.progress(
        `Running ${line} on ${session.errorStyle.app(app)}`,
        async (progress) => {
          progress.status('starting');
          const dyno = await api.call('POST /apps/{app}/dynos', {
            params: { app },
            body: {
              command: line,
              attach: true,
              force_no_tty: !tty,
              env: { ...(tty ? terminalOf(session.io) : {}), ...parseAssignments(flags.env) },
              ...(flags.size === undefined ? {} : { size: flags.size }),
            },
          });
          if (dyno.attach_url === null) throw new PlatformError('unavailable', `${dyno.name} cannot be attached to.`);
          progress.status(`connecting, ${dyno.name}`);
          const opened = await attach(dyno.attach_url, session.io.signal);
          progress.end(`up, ${dyno.name}`);
          return opened;
        },
      );
      session.exitCode = await attachment.converse(session.io, { tty });
    });
  examples(command, [
    ['paas run bash', 'a shell in a fresh instance'],
    ['paas run -- node -e "console.log(process.version)"', '-- ends the options of paas'],
    ['paas run "bin/report | tee /tmp/log" --app shop', 'one word: bash reads it'],
    ['paas run psql < dump.sql', 'standard input goes along'],
  ]);

  function terminalOf(io: typeof session.io): Record<string, string> {
    return {
      TERM: io.env.TERM || 'xterm-256color',
      COLUMNS: String(io.stdout.columns ?? 80),
      LINES: String(io.stdout.rows ?? 24),
    };
  }
};

function collect(word: string, all: readonly string[]): readonly string[] {
  return [...all, ...word.split(';').filter((part) => part.trim() !== '')];
}

function commandLine(words: readonly string[]): string {
  const [only, ...others] = words;
  return only !== undefined && others.length === 0 ? only : words.map(shellQuote).join(' ');
}

export default define;
