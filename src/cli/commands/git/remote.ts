import { usualRemote } from '../../app-resolution.ts';
import { type AppFlags, appOptions, type DefineCommand, examples } from '../../command.ts';
import { addAppRemote } from '../../git-remote.ts';

const define: DefineCommand = (command, session) => {
  appOptions(command).action(async (flags: AppFlags) => {
    const api = await session.api();
    const app = await api.call('GET /apps/{app}', { params: { app: flags.app ?? (await session.app({})) } });
    const remote = flags.remote ?? usualRemote;
    if (!(await addAppRemote(session, app, { name: remote, replace: true }))) return;
    if (session.json) session.printJson({ remote, git_url: app.git_url });
    else session.print(`set git remote ${remote} to ${app.git_url}`);
  });
  examples(command, [['paas git:remote --app shop'], ['paas git:remote --app shop-staging --remote staging']]);
};

export default define;
