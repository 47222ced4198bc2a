import { type DefineCommand, examples } from '../command.ts';
import { header, table } from '../render.ts';
import { harmless } from '../terminal-text.ts';
import { timestamp } from '../time.ts';

const define: DefineCommand = (command, session) => {
  command.action(async () => {
    const api = await session.api();
    const names = await api.call('GET /platform/names');
    if (session.json) return session.printJson(names);
    const rows = names.map(({ name, state, account, until }) => [
      harmless(name),
      state,
      harmless(account.email),
      until === null ? '-' : timestamp(new Date(until)),
    ]);
    session.print(`${header(session.style, 'Names')}\n`);
    session.print(table(['Name', 'State', 'Account', 'Until'], rows));
  });
  examples(command, [['paas names'], ['paas names:allow status', 'a reserved name, for an app of your own']]);
};

export default define;
