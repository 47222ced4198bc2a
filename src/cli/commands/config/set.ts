import { type AppFlags, appOptions, type DefineCommand, examples } from '../../command.ts';
import { changeConfig } from '../../config-change.ts';
import { parseAssignments } from '../../config-text.ts';
import { usageError } from '../../errors.ts';
import { keyValues } from '../../render.ts';

const define: DefineCommand = (command, session) => {
  appOptions(command)
    .argument('[KEY=VALUE...]', 'what to set')
    .action(async (words: readonly string[], flags: AppFlags) => {
      if (words.length === 0) {
        throw usageError('Usage: paas config:set KEY1=VALUE1 [KEY2=VALUE2 ...]\nMust specify KEY and VALUE to set.');
      }
      const changes = parseAssignments(words);
      const all = await changeConfig(session, await session.app(flags), changes);
      const set = Object.keys(changes).map((name) => [name, all[name] ?? ''] as const);
      if (session.json) session.printJson(Object.fromEntries(set));
      else session.print(keyValues(set));
    });
  examples(command, [
    ['paas config:set LOG_LEVEL=debug TZ=Europe/Berlin'],
    ['paas config:set GREETING="two words" --app shop'],
    ['paas config:set KEY="$(cat private.pem)"', 'line breaks are kept'],
  ]);
};

export default define;
