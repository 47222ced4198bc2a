import { type AppFlags, appOptions, type DefineCommand, examples } from '../../command.ts';
import { changeConfig } from '../../config-change.ts';
import { usageError } from '../../errors.ts';

const define: DefineCommand = (command, session) => {
  appOptions(command)
    .argument('[KEY...]', 'names of config vars')
    .action(async (names: readonly string[], flags: AppFlags) => {
      if (names.length === 0) {
        throw usageError('Usage: paas config:unset KEY1 [KEY2 ...]\nMust specify KEY to unset.');
      }
      const changes = Object.fromEntries(names.map((name) => [name, null]));
      const all = await changeConfig(session, await session.app(flags), changes);
      if (session.json) session.printJson(all);
    });
  examples(command, [['paas config:unset LOG_LEVEL TZ']]);
};

export default define;
