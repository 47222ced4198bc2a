import { createHash } from 'node:crypto';
import type { LogLine, LogSource } from '../domain/log-line.ts';
import type { logSourceNames } from './contract.ts';

/** Only the apps' own lines have another origin than the platform; Heroku writes `heroku[web.1]` where we write `paas[web.1]`. */
const shownAs: Readonly<Record<LogSource, string>> = { app: 'app', platform: 'paas', build: 'build', router: 'paas' };

const platformSources: readonly LogSource[] = ['platform', 'router'];

const asked: Readonly<Record<(typeof logSourceNames)[number], readonly LogSource[]>> = {
  app: ['app'],
  heroku: platformSources,
  platform: platformSources,
  paas: platformSources,
  build: ['build'],
  router: ['router'],
};

/** The sources that a query for `--source NAME` means: those whose lines begin with that name, as far as one sees. */
export function sourcesOf(name: (typeof logSourceNames)[number]): readonly LogSource[] {
  return asked[name];
}

/** `2026-01-01T00:00:00.000000+00:00 app[web.1]: text`, on one line whatever the text holds. */
export function formatLine(line: LogLine): string {
  const time = line.at.toISOString().replace('Z', '000+00:00');
  return `${time} ${shownAs[line.source]}[${line.process}]: ${line.text.replace(/[\r\n]+/g, ' ')}`;
}

/**
 * Ids for lines that have none: the time, a hash of the line, and a count among equal lines of the same millisecond. A
 * reader that comes back finds its place again by it, in another process too.
 */
export class LineIds {
  #ms = Number.NaN;
  #seen = new Map<string, number>();

  next(line: LogLine): string {
    const ms = line.at.getTime();
    if (ms !== this.#ms) this.#seen = new Map();
    this.#ms = ms;
    const hash = createHash('sha256').update(formatLine(line)).digest('base64url').slice(0, 10);
    const count = this.#seen.get(hash) ?? 0;
    this.#seen.set(hash, count + 1);
    return `${ms}-${hash}-${count}`;
  }
}

/** The moment in an id of LineIds; null for anything else. */
export function momentOf(id: string): number | null {
  const ms = /^(\d{1,15})-[\w-]{10}-\d+$/.exec(id)?.[1];
  return ms === undefined ? null : Number(ms);
}
