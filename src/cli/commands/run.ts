import { PassThrough, Readable } from 'node:stream';
import { PlatformError } from '../../domain/errors.ts';
import { type DefineCommand, examples } from '../command.ts';
import type { Input, Io } from '../io.ts';
import { commandLine, type OneOffFlags, oneOffBody, oneOffOptions } from '../one-off.ts';
import { connectToOneOff, type OneOffConnection } from '../one-off-connection.ts';
import type { Session } from '../session.ts';

interface Flags extends OneOffFlags {
  readonly tty: boolean;
  readonly stdin: boolean;
}

const define: DefineCommand = (command, session) => {
  oneOffOptions(command)
    .option('-x, --exit-code', "end with the command's exit code (always done)")
    .option('--no-tty', 'give the command no terminal; its standard error then stays apart')
    // No -n as ssh has: it would be taken from `paas run tail -n 5`.
    .option('--no-stdin', 'give the command no input, and leave it to others, such as a loop of while read')
    .action(async (words: readonly string[], flags: Flags) => {
      const line = commandLine(words, 'run');
      const io = flags.stdin ? session.io : { ...session.io, stdin: Readable.from([]) as Input };
      const { stdin, stdout } = io;
      const tty = flags.tty && !session.json && stdin.isTTY === true && stdout.isTTY === true;
      const { name, connection } = await start(session, line, { ...flags, tty });
      session.exitCode = await (session.json
        ? relayForJson(session, stdin, { name, connection })
        : connection.relay(io, { tty }));
    });
  examples(command, [
    ['paas run bash', 'a shell in a fresh instance'],
    ['paas run -- node -e "console.log(process.version)"', '-- ends the options of paas'],
    ['paas run "bin/report | tee /tmp/log" --app shop', 'a single argument is a line for bash'],
    ['paas run psql < dump.sql', 'the command reads standard input'],
    ['paas run pg_dump > dump.sql', 'the bytes as they are; standard error stays on the screen'],
    ['while read id; do paas run --no-stdin "bin/job $id"; done < ids', 'the loop keeps its input'],
  ]);
};

interface Started {
  readonly name: string;
  readonly connection: OneOffConnection;
}

/** Creates the one-off and connects to it. It starts only when connected, so none of its output is lost. */
async function start(session: Session, line: string, flags: Flags): Promise<Started> {
  const app = await session.app(flags);
  const api = await session.api();
  const body = oneOffBody(flags);
  return session.progress(`Running ${line} on ${session.errorStyle.app(app)}`, async (progress) => {
    progress.status('starting');
    const dyno = await api.call('POST /apps/{app}/dynos', {
      params: { app },
      body: {
        command: line,
        attach: true,
        force_no_tty: !flags.tty,
        ...body,
        env: { ...(flags.tty ? terminalOf(session.io) : {}), ...body.env },
      },
    });
    if (dyno.attach_url === null) throw new PlatformError('unavailable', `${dyno.name} cannot be attached to.`);
    progress.status(`connecting, ${dyno.name}`);
    const connection = await connectToOneOff(dyno.attach_url, session.io.signal);
    progress.end(`up, ${dyno.name}`);
    return { name: dyno.name, connection };
  });
}

async function relayForJson(session: Session, stdin: Input, { name, connection }: Started): Promise<number> {
  const [stdout, stderr] = [collector(), collector()];
  const code = await connection.relay({ stdin, stdout, stderr }, { tty: false });
  session.printJson({ name, exit_code: code, output: stdout.text(), stderr: stderr.text() });
  return code;
}

function collector() {
  const chunks: Buffer[] = [];
  const stream = new PassThrough().on('data', (chunk: Buffer) => chunks.push(chunk));
  return Object.assign(stream, { text: () => Buffer.concat(chunks).toString('utf8') });
}

function terminalOf(io: Io): Record<string, string> {
  return {
    TERM: io.env.TERM || 'xterm-256color',
    COLUMNS: String(io.stdout.columns || 80),
    LINES: String(io.stdout.rows || 24),
  };
}

export default define;
