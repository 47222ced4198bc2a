import { type DefineCommand, examples } from '../../command.ts';
import { runLocally } from '../../local-command.ts';

const define: DefineCommand = (command, session) => {
  command
    .option('--apps', "stop the apps' instances too; the next start of the platform starts them again")
    .action((flags: { readonly apps?: boolean }) => runLocally(session, 'platform:stop', flags.apps ? ['--apps'] : []));
  examples(command, [
    ['paas platform:stop', 'apps keep running, and the next start adopts them'],
    ['paas platform:stop --apps'],
  ]);
};

export default define;
