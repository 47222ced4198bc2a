import { type AppFlags, appOptions, type DefineCommand, examples } from '../command.ts';
import { remotesAt, setRemote } from '../git.ts';

const define: DefineCommand = (command, session) => {
  appOptions(command)
    .argument('<newname>', 'the new name')
    .action(async (newName: string, flags: AppFlags) => {
      const name = await session.app(flags);
      const api = await session.api();
      const before = await api.call('GET /apps/{app}', { params: { app: name } });
      const { app: label } = session.errorStyle;
      const app = await session.progress(`Renaming ${label(before.name)} to ${label(newName)}`, () =>
        api.call('PATCH /apps/{app}', { params: { app: before.id }, body: { name: newName } }),
      );
      if (session.json) session.printJson(app);
      else session.print(`${app.web_url} | ${app.git_url}`);
      for (const remote of await remotesAt(session.io, before.git_url)) {
        await setRemote(session.io, { name: remote, url: app.git_url });
        const text = `Git remote ${remote} updated`;
        if (session.json) session.note(text);
        else session.print(text);
      }
      session.warn("Don't forget to update git remotes for all other local checkouts of the app.");
    });
  examples(command, [['paas rename boutique --app shop']]);
};

export default define;
