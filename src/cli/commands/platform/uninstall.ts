import { type DefineCommand, examples } from '../../command.ts';
import { runLocally } from '../../local-command.ts';

const define: DefineCommand = (command, session) => {
  command
    .option('-c, --confirm <domain>', "the platform's domain, to confirm")
    .action(({ confirm }: { readonly confirm?: string }) =>
      runLocally(session, 'platform:uninstall', confirm === undefined ? [] : ['--confirm', confirm]),
    );
  examples(command, [['paas platform:uninstall --confirm localhost', 'removes every app; PAAS_HOME stays']]);
};

export default define;
