import type { AppLog } from '../domain/log-line.ts';
import type { ResolverClient } from './client.ts';

/** Writes what the resolver could not deliver into the app's own log, as Heroku's router does. Until the signal aborts. */
export async function keepRouterLog(client: ResolverClient, appLog: AppLog, signal: AbortSignal): Promise<void> {
  for await (const event of client.events(signal)) {
    if (event.type !== 'request_failed') continue;
    const { appId, process, release, text } = event;
    appLog.write(appId, { at: new Date(event.at), source: 'router', process, release, text });
  }
}
