import { closeSync, existsSync, openSync, readdirSync, readSync, statSync } from 'node:fs';
import { paths } from '../config/paths.ts';
import { termOfVersion } from '../domain/route.ts';
import { readMark, type StoreMark } from './mark.ts';
import { rootKeyPath } from './root-key.ts';

/** What lies in PAAS_HOME beside the store. It tells whether the store is the one that belongs there. */
export interface Beside {
  readonly home: string;
  readonly mark: StoreMark | null;
  readonly hasKey: boolean;
  /** The ids of the apps that have a repository. */
  readonly repositories: readonly string[];
  /** The term in which the saved routes were made. 0 when there are none. */
  readonly routesTerm: number;
  readonly backups: number;
}

export function lookBeside(home: string): Beside {
  const { mark, keys, repos, routeSnapshot, backups } = paths(home);
  return {
    home,
    mark: readMark(mark),
    hasKey: existsSync(rootKeyPath(keys)),
    repositories: namesIn(repos).flatMap((name) => /^([0-9a-f-]{36})\.git$/.exec(name)?.[1] ?? []),
    routesTerm: termOfRoutes(routeSnapshot),
    backups: namesIn(backups).filter((name) => name.endsWith('.db')).length,
  };
}

/** What there is, for a person. Empty when the home was never used. */
export function belongings({ mark, hasKey, repositories, routesTerm, backups }: Beside): readonly string[] {
  const count = (number: number, thing: string) => `${number} ${thing}${number === 1 ? '' : 's'}`;
  return [
    mark === null ? [] : [`the mark of the platform ${mark.platformId}`],
    hasKey ? ['a root key'] : [],
    repositories.length === 0
      ? []
      : [repositories.length === 1 ? '1 repository' : `${repositories.length} repositories`],
    routesTerm === 0 ? [] : ['saved routes'],
    backups === 0 ? [] : [count(backups, 'backup')],
  ].flat();
}

/** True for a file that is missing or holds nothing. SQLite would make a new store of it. */
export function isEmptyFile(path: string): boolean {
  return (statSync(path, { throwIfNoEntry: false })?.size ?? 0) === 0;
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

/** The saved table begins with its version. The rest may be large. */
function termOfRoutes(path: string): number {
  const head = Buffer.alloc(64);
  try {
    const file = openSync(path, 'r');
    try {
      readSync(file, head);
    } finally {
      closeSync(file);
    }
  } catch {
    return 0;
  }
  return termOfVersion(Number(/^\{"version":(\d{1,16}),/.exec(head.toString('latin1'))?.[1] ?? 0));
}
