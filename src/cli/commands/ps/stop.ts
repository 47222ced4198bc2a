import { appOptions, type DefineCommand, examples, processOptions } from '../../command.ts';
import { usageError } from '../../errors.ts';
import { parseSelection, type SelectionFlags } from '../../process-selection.ts';

const define: DefineCommand = (command, session) => {
  processOptions(appOptions(command), { one: 'this instance', all: 'all instances of this process type' })
    .argument('[web.1]', 'an instance or a process type')
    .action(async (word: string | undefined, flags: SelectionFlags) => {
      const selection = parseSelection(word, flags);
      if (selection.kind === 'all') {
        throw usageError('What to stop? Name an instance or a process type.', 'For example: paas ps:stop run.1234');
      }
      const app = await session.app(flags);
      const api = await session.api();
      const on = `on ${session.errorStyle.app(app)}`;
      if (selection.kind === 'type') {
        await session.progress(`Stopping all ${selection.type} dynos ${on}`, () =>
          api.call('POST /apps/{app}/formations/{type}/actions/stop', { params: { app, type: selection.type } }),
        );
      } else {
        await session.progress(`Stopping dyno ${selection.name} ${on}`, () =>
          api.call('POST /apps/{app}/dynos/{dyno}/actions/stop', { params: { app, dyno: selection.name } }),
        );
      }
      if (session.json) session.printJson({ stopped: selection });
    });
  examples(command, [
    ['paas ps:stop run.1234'],
    ['paas ps:stop --process-type worker', 'until the next release, scale or restart'],
  ]);
};

export default define;
