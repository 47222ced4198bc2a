import { Option } from 'commander';
import { type AppFlags, appOptions, type DefineCommand, examples, processOptions } from '../command.ts';
import { usageError } from '../errors.ts';
import { checkLogProcess } from '../log-process.ts';
import type { LogRequest } from '../log-stream.ts';
import { wholeNumber } from '../numbers.ts';
import { showLog } from '../show-log.ts';

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
    .option('-t, --tail', 'follow the log')
    .option('-n, --num <lines>', 'how many lines to show first', wholeNumber(0, 10_000), 100);
  processOptions(command, { one: 'lines of this instance only', all: 'lines of this process type only' })
    .addOption(new Option('-s, --source <source>', 'lines from this source only').choices(sources))
    .option('--release <vN>', 'lines of this release only', (text) => wholeNumber(1, 1e9)(text.replace(/^v/, '')))
    .action(async (flags: Flags) => {
      const { dyno, processType } = flags;
      if (dyno !== undefined && processType !== undefined)
        throw usageError(`Name only one of ${dyno} and ${processType}.`);
      const app = await session.app(flags);
      const process = dyno ?? processType;
      if (process !== undefined) await checkLogProcess(session, app, process);
      await showLog(session, app, {
        lines: flags.num,
        tail: flags.tail ?? false,
        ...(process === undefined ? {} : { dyno: process }),
        ...(flags.source === undefined ? {} : { source: flags.source }),
        ...(flags.release === undefined ? {} : { release: flags.release }),
      });
    });
  examples(command, [
    ['paas logs --tail'],
    ['paas logs --num 500 --process-type web --app shop'],
    ['paas logs --source build', 'output of the last builds'],
    ['paas logs --source router', 'requests'],
    ['paas logs --release v12', 'lines of v12 only'],
  ]);
};

export default define;
