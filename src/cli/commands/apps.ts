import type { DefineCommand } from '../command.ts';
import { hostCapacity, megabytes } from '../memory-text.ts';
import { header } from '../render.ts';
import { harmless, padEnd } from '../terminal-text.ts';

const define: DefineCommand = (command, session) => {
  command.action(async () => {
    const api = await session.api();
    const apps = await api.list('GET /apps', { range: 'name ..;' });
    const shares = new Map((await api.call('GET /platform/apps')).map((share) => [share.app.id, share]));
    if (session.json) return session.printJson(apps.map((app) => ({ ...app, capacity: shares.get(app.id) ?? null })));
    if (apps.length === 0) {
      session.print('You have no apps.');
      return session.note('Create one with: paas create');
    }
    const { email } = await api.call('GET /account');
    session.print(header(session.style, `${email} Apps`));
    const capacity = await api.call('GET /platform/capacity');
    const column = Math.max(...apps.map(({ name }) => name.length));
    const lines = apps.map(({ id, name }) => {
      const share = shares.get(id);
      if (!share || share.instances === 0) return harmless(name);
      const { instances, cloudlets, memory_bytes } = share;
      const reserved = megabytes(cloudlets.reserved * capacity.cloudlet_memory_bytes);
      const what = `${instances} instance${instances === 1 ? '' : 's'}`;
      return `${padEnd(harmless(name), column)}  ${what}, ${reserved} reserved, ${megabytes(memory_bytes)} used`;
    });
    session.print(`\n${lines.join('\n')}`);
    session.note(`Host: ${hostCapacity(capacity)}`);
  });
};

export default define;
