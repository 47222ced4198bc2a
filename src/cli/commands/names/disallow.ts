import { type DefineCommand, examples } from '../../command.ts';

const define: DefineCommand = (command, session) => {
  command.argument('<name>', 'as paas names shows it').action(async (name: string) => {
    const api = await session.api();
    const withdrawn = await session.progress(`Withdrawing ${name}`, () =>
      api.call('DELETE /platform/allowed-names/{name}', { params: { name } }),
    );
    if (session.json) session.printJson(withdrawn);
  });
  examples(command, [['paas names:disallow status', 'an app that has the name keeps it']]);
};

export default define;
