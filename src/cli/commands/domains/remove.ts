import { type AppFlags, appOptions, type DefineCommand, examples } from '../../command.ts';

const define: DefineCommand = (command, session) => {
  appOptions(command)
    .argument('<hostname>', 'such as www.example.com')
    .action(async (hostname: string, flags: AppFlags) => {
      const app = await session.app(flags);
      const api = await session.api();
      const domain = await session.progress(`Removing ${hostname} from ${session.errorStyle.app(app)}`, () =>
        api.call('DELETE /apps/{app}/domains/{domain}', { params: { app, domain: hostname } }),
      );
      if (session.json) session.printJson(domain);
    });
  examples(command, [['paas domains:remove www.example.com --app shop']]);
};

export default define;
