import { appOptions, type DefineCommand, examples, processOptions } from '../../command.ts';
import { parseTarget, type TargetFlags } from '../../process-target.ts';

const define: DefineCommand = (command, session) => {
  processOptions(appOptions(command), { one: 'this instance', all: 'all of this process type' })
    .argument('[web.1]', 'an instance or a process type; without it all')
    .action(async (word: string | undefined, flags: TargetFlags) => {
      const target = parseTarget(word, flags);
      const app = await session.app(flags);
      const api = await session.api();
      const on = `on ${session.errorStyle.app(app)}`;
      switch (target.kind) {
        case 'all':
          await session.progress(`Restarting all dynos ${on}`, () =>
            api.call('DELETE /apps/{app}/dynos', { params: { app } }),
          );
          break;
        case 'type':
          await session.progress(`Restarting all ${target.type} dynos ${on}`, () =>
            api.call('DELETE /apps/{app}/formations/{type}', { params: { app, type: target.type } }),
          );
          break;
        case 'one':
          await session.progress(`Restarting dyno ${target.name} ${on}`, () =>
            api.call('DELETE /apps/{app}/dynos/{dyno}', { params: { app, dyno: target.name } }),
          );
      }
      if (session.json) session.printJson({ restarted: target });
    });
  examples(command, [['paas ps:restart'], ['paas ps:restart web'], ['paas ps:restart --dyno web.1 --app shop']]);
};

export default define;
