import { appOptions, type DefineCommand, examples, processOptions } from '../../command.ts';
import { usageError } from '../../errors.ts';
import { parseTarget, type TargetFlags } from '../../process-target.ts';

const define: DefineCommand = (command, session) => {
  processOptions(appOptions(command), { one: 'this instance', all: 'all of this process type' })
    .argument('[web.1]', 'an instance or a process type')
    .action(async (word: string | undefined, flags: TargetFlags) => {
      const target = parseTarget(word, flags);
      if (target.kind === 'all') {
        throw usageError('What to stop? Name an instance or a process type.', 'For example: paas ps:stop run.1234');
      }
      const app = await session.app(flags);
      const api = await session.api();
      const on = `on ${session.errorStyle.app(app)}`;
      if (target.kind === 'type') {
        await session.progress(`Stopping all ${target.type} dynos ${on}`, () =>
          api.call('POST /apps/{app}/formations/{type}/actions/stop', { params: { app, type: target.type } }),
        );
      } else {
        await session.progress(`Stopping dyno ${target.name} ${on}`, () =>
          api.call('POST /apps/{app}/dynos/{dyno}/actions/stop', { params: { app, dyno: target.name } }),
        );
      }
      if (session.json) session.printJson({ stopped: target });
    });
  examples(command, [
    ['paas ps:stop run.1234'],
    ['paas ps:stop --process-type worker', 'until the next release, scale or restart'],
  ]);
};

export default define;
