/**
 * A change of one environment variable, read from a file in a layer's `env` folder (Buildpack API, "Environment Variable
 * Modification Rules"). Values are verbatim, line ends included.
 */
export interface EnvChange {
  readonly name: string;
  readonly action: 'override' | 'default' | 'append' | 'prepend';
  readonly value: string;
  /** Text between the old and the new value, for append and prepend. */
  readonly delimiter: string;
}

/** The changes that the files of one folder describe, in byte order of their names. Files with unknown suffixes are ignored. */
export function envChanges(files: ReadonlyMap<string, string>): readonly EnvChange[] {
  return [...files.keys()].sort().flatMap((file): readonly EnvChange[] => {
    const dot = file.indexOf('.');
    const name = dot < 0 ? file : file.slice(0, dot);
    const action = actions.get(dot < 0 ? '' : file.slice(dot));
    if (!action || !/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) return [];
    return [{ name, action, value: files.get(file) ?? '', delimiter: files.get(`${name}.delim`) ?? '' }];
  });
}

const actions: ReadonlyMap<string, EnvChange['action']> = new Map([
  ['', 'override'],
  ['.override', 'override'],
  ['.default', 'default'],
  ['.append', 'append'],
  ['.prepend', 'prepend'],
]);

/** The change that puts a layer's folder in front of a search path. */
export function searchPath(name: string, directory: string): EnvChange {
  return { name, action: 'prepend', value: directory, delimiter: ':' };
}

export function applied(
  env: Readonly<Record<string, string>>,
  changes: readonly EnvChange[],
): Readonly<Record<string, string>> {
  const result: Record<string, string> = { ...env };
  for (const { name, action, value, delimiter } of changes) {
    const old = result[name] ?? '';
    if (action === 'override') result[name] = value;
    else if (action === 'default') result[name] = old === '' ? value : old;
    else if (old === '') result[name] = value;
    else result[name] = action === 'append' ? old + delimiter + value : value + delimiter + old;
  }
  return result;
}
