import { type AppFlags, appOptions, type DefineCommand, examples } from '../../command.ts';
import { usageError } from '../../errors.ts';

interface Update {
  readonly type: string;
  readonly quantity?: string;
  readonly size?: string;
}

interface Flags extends AppFlags {
  readonly size?: string;
}

const define: DefineCommand = (command, session) => {
  appOptions(command)
    .argument('[TYPE=AMOUNT...]', 'web=2, worker+1, web-1; with a size, web=2:1-8')
    .option('-s, --size <size>', 'for the types that are named without one: reserved and limit (1-8), or memory (1G)')
    .action(async (words: readonly string[], flags: Flags) => {
      const app = await session.app(flags);
      const api = await session.api();
      const params = { app };
      if (words.length === 0) {
        const formation = await api.list('GET /apps/{app}/formation', { params });
        if (session.json) return session.printJson(formation);
        if (formation.length === 0) throw usageError(`No process types on ${app}.`, 'Push a release that has some.');
        return session.print(formation.map(({ type, quantity, size }) => `${type}=${quantity}:${size}`).join(' '));
      }
      const updates = words.map((word) => parseUpdate(word, flags.size));
      const changed = await session.progress('Scaling dynos', async (progress) => {
        const entries = await api.call('PATCH /apps/{app}/formation', { params, body: { updates } });
        const now = entries.map(({ type, quantity, size }) => `${type} at ${quantity}:${size}`);
        progress.end(`done, now running ${now.join(', ')}`);
        return entries;
      });
      if (session.json) session.printJson(changed);
    });
  examples(command, [
    ['paas ps:scale web=3 worker=1'],
    ['paas ps:scale web=2:1-8', 'two, each with 1 cloudlet reserved and up to 8 (128 MiB and 1 GiB of memory)'],
    ['paas ps:scale web+1:1G', 'one more, each with 1 GiB reserved whole'],
    ['paas ps:scale worker --size 1-8', 'another size, the same number'],
    ['paas ps:scale', 'prints the formation, in the form that it takes'],
  ]);
};

function parseUpdate(word: string, sizeOfAll: string | undefined): Update {
  const match = /^([\w-]+)([=+-]\d+)(?::([\w.-]+))?$/.exec(word);
  if (!match && sizeOfAll !== undefined && /^[\w-]+$/.test(word)) return { type: word, size: sizeOfAll };
  if (!match) {
    throw usageError(
      `${word} is invalid. Must be in the format web=2, worker+1 or web=3:1-8.`,
      'See: paas help ps:scale',
    );
  }
  const [, type = '', amount = '', size = sizeOfAll] = match;
  return { type, quantity: amount.replace('=', ''), ...(size === undefined ? {} : { size }) };
}

export default define;
