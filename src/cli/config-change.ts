import type { Session } from './session.ts';

/** Sets and unsets config vars and says which release it made: `Setting A, B and restarting ⬢ shop... done, v12`. */
export async function changeConfig(
  session: Session,
  app: string,
  changes: Readonly<Record<string, string | null>>,
): Promise<Readonly<Record<string, string>>> {
  const names = Object.keys(changes).join(', ');
  const verb = Object.values(changes).every((value) => value === null) ? 'Unsetting' : 'Setting';
  const api = await session.api();
  return session.progress(`${verb} ${names} and restarting ${session.errorStyle.app(app)}`, async (progress) => {
    const all = await api.call('PATCH /apps/{app}/config-vars', { params: { app }, body: changes });
    const [release] = await api.list('GET /apps/{app}/releases', {
      params: { app },
      range: 'version ..; order=desc,max=1',
    });
    if (release) progress.end(`done, v${release.version}`);
    return all;
  });
}
