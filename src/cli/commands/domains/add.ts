import { type AppFlags, appOptions, type DefineCommand, examples } from '../../command.ts';
import { harmless } from '../../terminal-text.ts';

const define: DefineCommand = (command, session) => {
  appOptions(command)
    .argument('<hostname>', 'such as www.example.com')
    .action(async (hostname: string, flags: AppFlags) => {
      const app = await session.app(flags);
      const api = await session.api();
      const domain = await session.progress(`Adding ${hostname} to ${session.errorStyle.app(app)}`, () =>
        api.call('POST /apps/{app}/domains', { params: { app }, body: { hostname } }),
      );
      if (session.json) return session.printJson(domain);
      if (domain.cname !== null) {
        session.print(`Configure your app's DNS provider to point to the DNS Target ${harmless(domain.cname)}.`);
      }
    });
  examples(command, [['paas domains:add www.example.com --app shop']]);
};

export default define;
