import { type AppFlags, appOptions, type DefineCommand, examples } from '../command.ts';
import { confirmDestructive } from '../confirm.ts';
import { remotesAt, removeRemote } from '../git.ts';

interface Flags extends AppFlags {
  readonly confirm?: string;
}

const define: DefineCommand = (command, session) => {
  appOptions(command)
    .argument('[app]', 'the app')
    .option('-c, --confirm <name>', "the app's name again, to skip the question")
    .action(async (named: string | undefined, flags: Flags) => {
      const name = named ?? (await session.app(flags));
      const api = await session.api();
      const app = await api.call('GET /apps/{app}', { params: { app: name } });
      const label = session.errorStyle.app(app.name);
      await confirmDestructive(session, {
        app: app.name,
        consequence: `This command will destroy ${label} (including its releases, config vars and log).`,
        confirm: flags.confirm,
      });
      const gone = await session.progress(`Destroying ${label}`, () =>
        api.call('DELETE /apps/{app}', { params: { app: app.id } }),
      );
      if (session.json) session.printJson(gone);
      // A remote left behind would name the destroyed app in every later command in this folder.
      for (const remote of await remotesAt(session.io, app.git_url)) {
        await removeRemote(session.io, remote);
        session.note(`Git remote ${remote} removed`);
      }
    });
  examples(command, [['paas destroy --app shop'], ['paas destroy shop --confirm shop', 'for scripts: does not ask']]);
};

export default define;
