import { type AppFlags, appOptions, type DefineCommand, examples } from '../command.ts';
import { header } from '../render.ts';
import { harmless } from '../terminal-text.ts';

const define: DefineCommand = (command, session) => {
  appOptions(command).action(async (flags: AppFlags) => {
    const app = await session.app(flags);
    const api = await session.api();
    const networks = await api.call('GET /apps/{app}/networks', { params: { app } });
    if (session.json) return session.printJson(networks);
    const { style } = session;
    const label = style.app(harmless(app));
    const list = (title: string, rows: readonly string[], none: string) =>
      `${header(style, title)}\n\n${rows.length === 0 ? none : rows.map((row) => harmless(row)).join('\n')}`;
    const allowed = networks.allowed.map(({ network }) => network);
    session.print(
      [
        list('Networks that apps cannot reach', networks.denied, 'None. The setting PAAS_DENY_NETWORKS denies some.'),
        list(`Networks that ${label} can reach all the same`, allowed, 'None.'),
      ].join('\n\n'),
    );
  });
  examples(command, [['paas networks --app shop'], ['paas networks:allow 10.0.5.0/24 --app shop']]);
};

export default define;
