import type { DefineCommand } from '../command.ts';
import { header } from '../render.ts';

const define: DefineCommand = (command, session) => {
  command.action(async () => {
    const api = await session.api();
    const apps = await api.list('GET /apps', { range: 'name ..;' });
    if (session.json) return session.printJson(apps);
    if (apps.length === 0) {
      session.print('You have no apps.');
      return session.note('Create one with: paas create');
    }
    const { email } = await api.call('GET /account');
    session.print(header(session.style, `${email} Apps`));
    session.print(`\n${apps.map(({ name }) => name).join('\n')}`);
  });
};

export default define;
