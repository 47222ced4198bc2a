import { type DefineCommand, examples } from '../../command.ts';

const define: DefineCommand = (command, session) => {
  command.argument('<name>', 'as paas names shows it').action(async (name: string) => {
    const api = await session.api();
    const released = await session.progress(`Releasing ${name}`, () =>
      api.call('DELETE /platform/kept-names/{name}', { params: { name } }),
    );
    if (session.json) session.printJson(released);
  });
  examples(command, [['paas names:release shop'], ['paas names:release www.example.com']]);
};

export default define;
