import { type DefineCommand, examples } from '../../command.ts';
import { runLocally } from '../../local-command.ts';

const define: DefineCommand = (command, session) => {
  command
    .option('-c, --confirm <domain>', "the platform's domain, to say that all its apps may go")
    .action(({ confirm }: { readonly confirm?: string }) =>
      runLocally(session, 'platform:uninstall', confirm === undefined ? [] : ['--confirm', confirm]),
    );
  examples(command, [['paas platform:uninstall', 'says what would go, and how to go on']]);
};

export default define;
