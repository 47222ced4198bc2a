import { PlatformError } from '../../../domain/errors.ts';
import { type AppFlags, appOptions, type DefineCommand, examples } from '../../command.ts';
import { usageError } from '../../errors.ts';
import { untilLive } from '../../going-live.ts';

const define: DefineCommand = (command, session) => {
  appOptions(command)
    .argument('[vN]', 'the release to go back to; without it the one before the current one')
    .action(async (word: string | undefined, flags: AppFlags) => {
      if (word !== undefined && !/^v?\d+$/.test(word)) {
        throw usageError(`${word} is not a release. Releases are numbered v1, v2 …`, 'See: paas releases');
      }
      const app = await session.app(flags);
      const api = await session.api();
      const releases = await api.list('GET /apps/{app}/releases', {
        params: { app },
        range: 'version ..; order=desc,max=200',
      });
      const current = releases.find((release) => release.current);
      const target =
        word?.replace(/^v/, '') ??
        releases
          .find((release) => release.eligible_for_rollback && (!current || release.version < current.version))
          ?.version.toString();
      if (target === undefined) {
        throw new PlatformError('conflict', `${app} has no earlier release to go back to.`, {
          hint: `See: paas releases --app ${app}`,
        });
      }
      const { errorStyle } = session;
      const made = await session.progress(`Rolling back ${errorStyle.app(app)} to v${target}`, async (progress) => {
        const release = await api.call('POST /apps/{app}/releases', {
          params: { app },
          body: { release: `v${target}` },
        });
        await untilLive(session, { app, version: release.version }, progress);
        progress.end(`done, v${release.version}`);
        return release;
      });
      session.warn("Rollback affects code and config vars; it doesn't add or remove addons.");
      if (current) session.warn(`To undo, run: paas rollback v${current.version}`);
      if (session.json) session.printJson(made);
    });
  examples(command, [['paas rollback', 'to the release before'], ['paas rollback v12 --app shop']]);
};

export default define;
