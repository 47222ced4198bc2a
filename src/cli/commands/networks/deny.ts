import { type AppFlags, appOptions, type DefineCommand, examples } from '../../command.ts';
import { harmless } from '../../terminal-text.ts';

const define: DefineCommand = (command, session) => {
  appOptions(command)
    .argument('<network>', 'such as 10.0.5.0/24')
    .action(async (network: string, flags: AppFlags) => {
      const app = await session.app(flags);
      const api = await session.api();
      const allowed = await session.progress(`Denying ${network} to ${session.errorStyle.app(app)}`, () =>
        api.call('DELETE /apps/{app}/networks/{network}', { params: { app, network } }),
      );
      if (session.json) session.printJson(allowed);
      else session.note(`${harmless(allowed.network)} follows PAAS_DENY_NETWORKS again within seconds.`);
    });
  examples(command, [['paas networks:deny 10.0.5.0/24 --app shop']]);
};

export default define;
