import { type AppFlags, appOptions, type DefineCommand } from './command.ts';

/** Defines `maintenance:on` and `maintenance:off`. */
export function maintenanceSwitch(maintenance: boolean): DefineCommand {
  return (command, session) => {
    appOptions(command).action(async (flags: AppFlags) => {
      const app = await session.app(flags);
      const api = await session.api();
      const verb = maintenance ? 'Enabling' : 'Disabling';
      const changed = await session.progress(`${verb} maintenance mode for ${session.errorStyle.app(app)}`, () =>
        api.call('PATCH /apps/{app}', { params: { app }, body: { maintenance } }),
      );
      if (session.json) session.printJson(changed);
    });
  };
}
