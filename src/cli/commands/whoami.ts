import type { DefineCommand } from '../command.ts';

const define: DefineCommand = (command, session) => {
  command.action(async () => {
    const account = await (await session.api()).call('GET /account');
    if (session.json) session.printJson(account);
    else session.print(account.email);
  });
};

export default define;
