import { type AppFlags, appOptions, type DefineCommand, examples } from '../command.ts';
import { shellLines, sorted } from '../config-text.ts';
import { header, keyValues } from '../render.ts';
import { harmless } from '../terminal-text.ts';

const define: DefineCommand = (command, session) => {
  appOptions(command)
    .option('-s, --shell', 'print NAME=value lines for a shell')
    .action(async (flags: AppFlags & { readonly shell?: boolean }) => {
      const app = await session.app(flags);
      const api = await session.api();
      const vars = sorted(await api.call('GET /apps/{app}/config-vars', { params: { app } }));
      if (session.json) return session.printJson(Object.fromEntries(vars));
      if (flags.shell) return vars.length > 0 ? session.print(shellLines(vars)) : undefined;
      const label = session.style.app(harmless(app));
      if (vars.length === 0) return session.print(`${label} has no config vars.`);
      session.print(header(session.style, `${label} Config Vars`));
      session.print(`\n${keyValues(vars)}`);
    });
  examples(command, [
    ['paas config --app shop'],
    ['eval "$(paas config --shell)"', 'the same values in this shell'],
    ['paas config --json | jq -r .DATABASE_URL'],
  ]);
};

export default define;
