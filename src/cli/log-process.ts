import { PlatformError } from '../domain/errors.ts';
import { nearestWord } from '../system/did-you-mean.ts';
import { readLog } from './log-stream.ts';
import type { Session } from './session.ts';

/** Sources of lines that are no process, and the types of one-offs. They may have no lines yet. */
const always = ['build', 'router', 'api', 'run', 'release'];

/**
 * Checks that an app's log can have lines of an instance (`web.1`) or a process type (`web`): it runs, is in the formation,
 * or has left lines. Throws `not_found` with those that run otherwise: such a log would be empty for ever.
 */
export async function checkLogProcess(session: Session, app: string, process: string): Promise<void> {
  const api = await session.api();
  const [dynos, formation] = await Promise.all([
    api.list('GET /apps/{app}/dynos', { params: { app } }),
    api.list('GET /apps/{app}/formation', { params: { app } }),
  ]);
  const running = dynos.map(({ name }) => name);
  const types = [...new Set([...dynos, ...formation].map(({ type }) => type))];
  if ([...running, ...types, ...always].includes(process) || (await hasLines(session, app, process))) return;
  const nearest = nearestWord(process, [...types, ...running]);
  throw new PlatformError('not_found', `${app} runs no ${process}, and its log has no line of it.`, {
    hint: [
      ...(nearest === null ? [] : [`Did you mean ${nearest}?`]),
      running.length > 0 ? `It runs: ${running.join(', ')}` : `It runs nothing now. See: paas ps -a ${app}`,
    ].join('\n'),
  });
}

async function hasLines(session: Session, app: string, process: string): Promise<boolean> {
  const [api, http] = await Promise.all([session.api(), session.http()]);
  const deps = { api, http, signal: session.io.signal, onInterruption: () => {} };
  for await (const _ of readLog(app, { lines: 1, tail: false, dyno: process }, deps)) return true;
  return false;
}
