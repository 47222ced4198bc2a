import { Option } from 'commander';
import { type AppFlags, appOptions, type DefineCommand, examples, processOptions } from '../command.ts';
import { usageError } from '../errors.ts';
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
    .option('-t, --tail', 'go on with new lines as they come')
    .option('-n, --num <lines>', 'how many lines to begin with', wholeNumber(0, 10_000), 100);
  processOptions(command, { one: 'lines of this instance only', all: 'lines of this process type only' })
    .addOption(new Option('-s, --source <source>', 'lines of this origin only').choices(sources))
    .option('--release <vN>', 'lines of this release only', (text) => wholeNumber(1, 1e9)(text.replace(/^v/, '')))
    .action(async (flags: Flags) => {
      const { dyno, processType } = flags;
      if (dyno !== undefined && processType !== undefined) throw usageError(`One of ${dyno} and ${processType} only.`);
      const app = await session.app(flags);
      const process = dyno ?? processType;
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
    ['paas logs --source build', 'what the last builds printed'],
    ['paas logs --source router', 'which requests came'],
    ['paas logs --release v12', 'only what ran in v12'],
  ]);
};

export default define;
