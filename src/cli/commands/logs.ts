import { Option } from 'commander';
import { type AppFlags, appOptions, type DefineCommand, examples } from '../command.ts';
import { LogPainter, parseLogLine } from '../log-line.ts';
import { type LogRequest, readLog } from '../log-stream.ts';
import { wholeNumber } from '../numbers.ts';

interface Flags extends AppFlags {
  readonly tail?: boolean;
  readonly num: number;
  readonly dyno?: string;
  readonly processType?: string;
  readonly source?: NonNullable<LogRequest['source']>;
  readonly release?: number;
}

const sources = ['app', 'platform', 'build', 'router', 'heroku', 'paas'];

const define: DefineCommand = (command, session) => {
  appOptions(command)
    .option('-t, --tail', 'go on with new lines as they come')
    .option('-n, --num <lines>', 'how many lines to begin with', wholeNumber(0, 10_000), 100)
    .option('-d, --dyno <web.1>', 'lines of this instance only')
    .option('-p, --process-type <web>', 'lines of this process type only')
    .addOption(new Option('-s, --source <source>', 'lines of this origin only').choices(sources))
    .option('--release <vN>', 'lines of this release only', (text) => wholeNumber(1, 1e9)(text.replace(/^v/, '')))
    .action(async (flags: Flags) => {
      const app = await session.app(flags);
      const [api, http] = await Promise.all([session.api(), session.http()]);
      const process = flags.dyno ?? flags.processType;
      const request: LogRequest = {
        lines: flags.num,
        tail: flags.tail ?? false,
        ...(process === undefined ? {} : { dyno: process }),
        ...(flags.source === undefined ? {} : { source: flags.source }),
        ...(flags.release === undefined ? {} : { release: flags.release }),
      };
      const painter = new LogPainter(session.style);
      const { signal } = session.io;
      const onInterruption = (reason: string) => session.warn(`${reason} Trying again.`);
      for await (const line of readLog(app, request, { api, http, signal, onInterruption })) {
        session.print(session.json ? JSON.stringify(parseLogLine(line)) : painter.paint(line));
      }
    });
  examples(command, [
    ['paas logs --tail'],
    ['paas logs --num 500 --process-type web --app shop'],
    ['paas logs --source build', 'what the last builds printed'],
    ['paas logs --release v12', 'only what ran in v12'],
  ]);
};

export default define;
