import { type DefineCommand, examples } from '../../command.ts';
import { commandLine, type OneOffFlags, oneOffBody, oneOffOptions } from '../../one-off.ts';
import { showLog } from '../../show-log.ts';

const define: DefineCommand = (command, session) => {
  oneOffOptions(command)
    .option('-t, --tail', 'follow its output; Ctrl-C does not stop the command')
    .action(async (words: readonly string[], flags: OneOffFlags & { readonly tail?: boolean }) => {
      const line = commandLine(words, 'run:detached');
      const app = await session.app(flags);
      const api = await session.api();
      const dyno = await session.progress(`Running ${line} on ${session.errorStyle.app(app)}`, async (progress) => {
        const body = { command: line, attach: false, ...oneOffBody(flags) };
        const made = await api.call('POST /apps/{app}/dynos', { params: { app }, body });
        progress.end(`done, ${made.name}`);
        return made;
      });
      if (flags.tail) return showLog(session, app, { lines: 100, tail: true, dyno: dyno.name });
      if (session.json) session.printJson(dyno);
      else session.print(`Run paas logs --app ${app} --dyno ${dyno.name} to view the output.`);
    });
  examples(command, [
    ['paas run:detached bin/nightly-report', 'its output goes to the log'],
    ['paas run:detached --tail -- node import.js --all'],
  ]);
};

export default define;
