import { type AppFlags, appOptions, type DefineCommand, examples } from '../command.ts';
import { header, keyValues } from '../render.ts';
import { harmless, shellQuote } from '../terminal-text.ts';
import { timestamp } from '../time.ts';

const define: DefineCommand = (command, session) => {
  appOptions(command)
    .argument('[app]', 'the app')
    .option('-s, --shell', 'print NAME=value lines for a shell')
    .action(async (named: string | undefined, flags: AppFlags & { readonly shell?: boolean }) => {
      const name = named ?? (await session.app(flags));
      const api = await session.api();
      const params = { app: name };
      const [app, formation, domains] = await Promise.all([
        api.call('GET /apps/{app}', { params }),
        api.list('GET /apps/{app}/formation', { params }),
        api.list('GET /apps/{app}/domains', { params }),
      ]);
      if (session.json) return session.printJson({ app, formation, domains });
      const instances = formation.map(({ type, quantity }) => `${type}: ${quantity}`);
      if (flags.shell) {
        const values = {
          git_url: app.git_url,
          maintenance: app.maintenance ? 'on' : 'off',
          name: app.name,
          owner: app.owner.email,
          stack: app.stack.name,
          web_url: app.web_url ?? '',
        };
        return session.print(
          Object.entries(values)
            .map(([key, value]) => `${key}=${shellQuote(value)}`)
            .join('\n'),
        );
      }
      const custom = domains.filter(({ kind }) => kind === 'custom').map(({ hostname }) => hostname);
      session.print(header(session.style, session.style.app(harmless(app.name))));
      session.print(
        `\n${keyValues([
          ['Created At', timestamp(new Date(app.created_at))],
          ['Domains', custom.length > 0 ? custom.join(', ') : null],
          ['Dynos', instances.length > 0 ? instances.join(', ') : null],
          ['Git URL', app.git_url],
          ['Maintenance', app.maintenance ? 'on' : null],
          ['Owner', app.owner.email],
          ['Region', app.region.name],
          ['Released At', app.released_at && timestamp(new Date(app.released_at))],
          ['Repo Size', app.repo_size && bytes(app.repo_size)],
          ['Slug Size', app.slug_size && bytes(app.slug_size)],
          ['Stack', app.stack.name],
          ['Web URL', app.web_url],
        ])}`,
      );
    });
  examples(command, [['paas info'], ['paas info shop'], ['eval "$(paas info --shell)"', 'then use $web_url']]);
};

function bytes(count: number): string {
  const units = ['B', 'KB', 'MB', 'GB'];
  let size = count;
  let unit = 0;
  for (; size >= 1024 && unit < units.length - 1; unit++) size /= 1024;
  return `${Math.round(size)} ${units[unit]}`;
}

export default define;
