import type { AppLog } from '../domain/log-line.ts';
import type { ResolverClient } from './resolver-client.ts';

export interface RequestLogDeps {
  readonly client: ResolverClient;
  readonly appLog: AppLog;
  readonly signal: AbortSignal;
}

/** Writes the requests that the resolver reports into the log of their app. Resolves when the signal aborts. */
export async function writeRequestLog({ client, appLog, signal }: RequestLogDeps): Promise<void> {
  for await (const event of client.events(signal)) {
    if (event.type === 'request_failed' || event.type === 'request_served') {
      const { appId, release, text, process } = event;
      appLog.write(appId, { at: new Date(event.at), source: 'router', process, release, text });
    }
  }
}
