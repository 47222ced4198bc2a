import { type AppFlags, appOptions, type DefineCommand, examples } from '../../command.ts';
import { harmless } from '../../terminal-text.ts';

const define: DefineCommand = (command, session) => {
  appOptions(command)
    .argument('<network>', 'such as 10.0.5.0/24')
    .action(async (network: string, flags: AppFlags) => {
      const app = await session.app(flags);
      const api = await session.api();
      const allowed = await session.progress(`Allowing ${network} for ${session.errorStyle.app(app)}`, () =>
        api.call('POST /apps/{app}/networks', { params: { app }, body: { network } }),
      );
      if (session.json) session.printJson(allowed);
      else session.note(`${harmless(allowed.network)} is reached within seconds.`);
    });
  examples(command, [['paas networks:allow 10.0.5.0/24 --app shop']]);
};

export default define;
