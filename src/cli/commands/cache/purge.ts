import { type AppFlags, appOptions, type DefineCommand, examples } from '../../command.ts';
import { confirmDestructive } from '../../confirm.ts';

interface Flags extends AppFlags {
  readonly confirm?: string;
}

const define: DefineCommand = (command, session) => {
  appOptions(command)
    .option('-c, --confirm <name>', "the app's name again; not needed, for scripts written for Heroku")
    .action(async (flags: Flags) => {
      const app = await session.app(flags);
      const label = session.errorStyle.app(app);
      await confirmDestructive(session, { app, consequence: '', confirm: flags.confirm ?? app });
      const api = await session.api();
      const purged = await session.progress(`Purging the build cache of ${label}`, () =>
        api.call('DELETE /apps/{app}/build-cache', { params: { app } }),
      );
      if (session.json) session.printJson(purged);
      else session.note('The next push builds from nothing.');
    });
  examples(command, [['paas cache:purge --app shop', 'then push again']]);
};

export default define;
