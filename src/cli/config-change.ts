import { errorCode, PlatformError } from '../domain/errors.ts';
import { untilLive } from './going-live.ts';
import type { Session } from './session.ts';

/** Set last for every process; see environmentOf in the supervisor. */
const platformNames = ['DYNO', 'PAAS_APP', 'PAAS_RELEASE'] as const;

/** The vars stay as they were set; the release that serves is the one that has them as they were. */
function withWayBack({ message, hint = '' }: PlatformError, version: number | null, app: string): PlatformError {
  const back = version === null ? '' : ` To take it back: paas rollback v${version} -a ${app}.`;
  return new PlatformError('start_failed', message, { hint: `It stays set for the next release.${back} ${hint}` });
}

/** Sets and unsets config vars and says which release it made: `Setting A, B and restarting ⬢ shop... done, v12`. */
export async function changeConfig(
  session: Session,
  app: string,
  changes: Readonly<Record<string, string | null>>,
): Promise<Readonly<Record<string, string>>> {
  const names = Object.keys(changes).join(', ');
  if (changes.PORT) session.warn('PORT of a web process is always the port that the platform gives it.');
  for (const name of platformNames.filter((name) => changes[name])) {
    session.warn(`${name} is always what the platform says: processes do not see this one.`);
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
    const version = await newest();
    if (version !== undefined && version !== before) {
      await untilLive(session, { app, version }, progress).catch(async (error: unknown) => {
        throw errorCode(error) === 'start_failed' ? withWayBack(error as PlatformError, await serving(), app) : error;
      });
    }
    progress.end(version === before ? `done, nothing changed (v${version})` : `done, v${version}`);
    return all;
  });
}
