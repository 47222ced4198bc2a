import { appOptions, type DefineCommand, examples, processOptions } from '../../command.ts';
import { parseSelection, type SelectionFlags } from '../../process-selection.ts';

const define: DefineCommand = (command, session) => {
  processOptions(appOptions(command), { one: 'this instance', all: 'all instances of this process type' })
    .argument('[web.1]', 'an instance or a process type; without it all instances')
    .action(async (word: string | undefined, flags: SelectionFlags) => {
      const selection = parseSelection(word, flags);
      const app = await session.app(flags);
      const api = await session.api();
      const on = `on ${session.errorStyle.app(app)}`;
      switch (selection.kind) {
        case 'all':
          await session.progress(`Restarting all dynos ${on}`, () =>
            api.call('DELETE /apps/{app}/dynos', { params: { app } }),
          );
          break;
        case 'type':
          await session.progress(`Restarting all ${selection.type} dynos ${on}`, () =>
            api.call('DELETE /apps/{app}/formations/{type}', { params: { app, type: selection.type } }),
          );
          break;
        case 'one':
          await session.progress(`Restarting dyno ${selection.name} ${on}`, () =>
            api.call('DELETE /apps/{app}/dynos/{dyno}', { params: { app, dyno: selection.name } }),
          );
      }
      if (session.json) session.printJson({ restarted: selection });
    });
  examples(command, [['paas ps:restart'], ['paas ps:restart web'], ['paas ps:restart --dyno web.1 --app shop']]);
};

export default define;
