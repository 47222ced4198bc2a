import { PlatformError } from '../../../domain/errors.ts';
import { type AppFlags, appOptions, type DefineCommand, examples } from '../../command.ts';
import { shellLines, sorted } from '../../config-text.ts';
import { header, keyValues } from '../../render.ts';
import { timeAgo } from '../../time.ts';

const define: DefineCommand = (command, session) => {
  appOptions(command)
    .argument('[vN]', 'the release; without it the newest')
    .option('-s, --shell', 'print its config vars as lines for a shell')
    .action(async (word: string | undefined, flags: AppFlags & { readonly shell?: boolean }) => {
      const app = await session.app(flags);
      const api = await session.api();
      const number = word ?? (await newest(app));
      const params = { app, release: number };
      const [release, config] = await Promise.all([
        api.call('GET /apps/{app}/releases/{release}', { params }),
        api.call('GET /apps/{app}/releases/{release}/config-vars', { params }),
      ]);
      const vars = sorted(config);
      if (session.json) return session.printJson({ ...release, config });
      if (flags.shell) return vars.length > 0 ? session.print(shellLines(vars)) : undefined;
      const { style, io } = session;
      session.print(header(style, `Release v${release.version}`));
      session.print(
        `\n${keyValues([
          ['By', release.user.email],
          ['Change', release.description],
          ['Eligible for Rollback?', release.eligible_for_rollback ? 'Yes' : 'No'],
          ['Status', release.status === 'succeeded' ? null : release.status],
          ['When', timeAgo(new Date(release.created_at), io.now())],
        ])}`,
      );
      session.print(`\n${header(style, `v${release.version} Config vars`)}`);
      if (vars.length > 0) session.print(`\n${keyValues(vars)}`);
    });
  examples(command, [['paas releases:info'], ['paas releases:info v12 --app shop']]);

  async function newest(app: string): Promise<string> {
    const api = await session.api();
    const [release] = await api.list('GET /apps/{app}/releases', {
      params: { app },
      range: 'version ..; order=desc,max=1',
    });
    if (release) return String(release.version);
    throw new PlatformError('not_found', `${app} has no releases.`);
  }
};

export default define;
