import { type DefineCommand, examples } from '../../command.ts';
import { runLocally } from '../../local-command.ts';

const define: DefineCommand = (command, session) => {
  command
    .option('--apps', "stop the apps' instances too; they start again with the platform")
    .action((flags: { readonly apps?: boolean }) => runLocally(session, 'platform:stop', flags.apps ? ['--apps'] : []));
  examples(command, [
    ['paas platform:stop', 'apps keep running, and are adopted by the next start'],
    ['paas platform:stop --apps'],
  ]);
};

export default define;
