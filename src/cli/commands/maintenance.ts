import { type AppFlags, appOptions, type DefineCommand } from '../command.ts';

const define: DefineCommand = (command, session) => {
  appOptions(command).action(async (flags: AppFlags) => {
    const app = await session.app(flags);
    const { maintenance } = await (await session.api()).call('GET /apps/{app}', { params: { app } });
    if (session.json) session.printJson({ maintenance });
    else session.print(maintenance ? 'on' : 'off');
  });
};

export default define;
