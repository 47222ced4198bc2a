import { errorCode, PlatformError } from '../domain/errors.ts';
import { configVarWarning } from '../domain/platform-vars.ts';
import { known, untilLive } from './going-live.ts';
import type { Session } from './session.ts';

/** After a failed start the config vars keep their new values, and the release with the old values goes on serving. */
function withRollbackHint({ message, hint = '' }: PlatformError, version: number | null, app: string): PlatformError {
  const back = version === null ? '' : ` To undo it: paas rollback v${version} -a ${app}.`;
  return new PlatformError('start_failed', message, { hint: `The change stays for the next release.${back} ${hint}` });
}

/** Sets and unsets config vars, and prints the new release: `Setting A, B and restarting ⬢ shop... done, v12`. */
export async function changeConfig(
  session: Session,
  app: string,
  changes: Readonly<Record<string, string | null>>,
): Promise<Readonly<Record<string, string>>> {
  const names = Object.keys(changes).join(', ');
  for (const [name, value] of Object.entries(changes)) {
    const warning = value === null ? null : configVarWarning(name);
    if (warning !== null) session.warn(warning);
  }
  const verb = Object.values(changes).every((value) => value === null) ? 'Unsetting' : 'Setting';
  const api = await session.api();
  return session.progress(`${verb} ${names} and restarting ${session.errorStyle.app(app)}`, async (progress) => {
    const newest = async () => {
      const range = 'version ..; order=desc,max=1';
      return (await api.list('GET /apps/{app}/releases', { params: { app }, range }))[0]?.version;
    };
    const serving = async () => {
      const range = 'version ..; order=desc,max=50';
      const releases = await api.list('GET /apps/{app}/releases', { params: { app }, range });
      return releases.find(({ current }) => current)?.version ?? null;
    };
    const before = await newest();
    const all = await api.call('PATCH /apps/{app}/config-vars', { params: { app }, body: changes });
    const version = await known(app, newest());
    if (version !== undefined && version !== before) {
      await untilLive(session, { app, version }, progress).catch(async (error: unknown) => {
        throw errorCode(error) === 'start_failed'
          ? withRollbackHint(error as PlatformError, await serving(), app)
          : error;
      });
    }
    progress.end(version === before ? `done, nothing changed (v${version})` : `done, v${version}`);
    return all;
  });
}
