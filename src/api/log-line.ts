import { createHash } from 'node:crypto';
import type { LogLine, LogSource } from '../domain/log-line.ts';
import type { logSourceNames } from './contract.ts';

/** The name in front of a line. Where Heroku writes `heroku[web.1]`, the platform writes `paas[web.1]`. */
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

/** The sources that `--source NAME` selects. */
export function sourcesOf(name: (typeof logSourceNames)[number]): readonly LogSource[] {
  return asked[name];
}

/** `2026-01-01T00:00:00.000000+00:00 app[web.1]: text`, with line breaks in the text replaced by spaces. */
export function formatLine(line: LogLine): string {
  const time = line.at.toISOString().replace('Z', '000+00:00');
  return `${time} ${shownAs[line.source]}[${line.process}]: ${line.text.replace(/[\r\n]+/g, ' ')}`;
}

/**
 * Ids for log lines: the time, a hash of the line, and a count of equal lines in the same millisecond. With one a
 * reader that reconnects goes on after its last line, in another process too.
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

/** The time in an id of LineIds, in milliseconds since 1970. Null for any other text. */
export function momentOf(id: string): number | null {
  const ms = /^(\d{1,15})-[\w-]{10}-\d+$/.exec(id)?.[1];
  return ms === undefined ? null : Number(ms);
}
