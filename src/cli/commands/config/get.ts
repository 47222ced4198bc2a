import { type AppFlags, appOptions, type DefineCommand, examples } from '../../command.ts';
import { shellLines } from '../../config-text.ts';

const define: DefineCommand = (command, session) => {
  appOptions(command)
    .argument('<KEY...>', 'names of config vars')
    .option('-s, --shell', "print KEY='value' lines for a shell")
    .action(async (names: readonly string[], flags: AppFlags & { readonly shell?: boolean }) => {
      const app = await session.app(flags);
      const api = await session.api();
      const vars = await api.call('GET /apps/{app}/config-vars', { params: { app } });
      if (session.json) return session.printJson(Object.fromEntries(names.map((name) => [name, vars[name] ?? null])));
      if (flags.shell) return session.print(shellLines(names.map((name) => [name, vars[name] ?? ''])));
      for (const name of names) session.print(vars[name] ?? '');
    });
  examples(command, [['paas config:get DATABASE_URL'], ['psql "$(paas config:get DATABASE_URL)"']]);
};

export default define;
