import type { BuildOutput } from '../domain/build.ts';
import { parseProcfile, procfileMaxBytes } from '../domain/procfile.ts';
import type { SourceTree } from '../domain/push.ts';
import type { Source } from './strategy.ts';

/** Reads a tree's list of files and its Procfile. Throws `invalid_params` with the wrong line of an invalid Procfile. */
export async function readSource(tree: SourceTree, output: BuildOutput): Promise<Source> {
  const [entries, text] = await Promise.all([tree.list(), tree.readFile('Procfile', procfileMaxBytes)]);
  const names = entries.map(({ path }) => path);
  for (const name of ['Procfile', 'Dockerfile']) {
    const misspelt = names.includes(name) ? undefined : names.find((path) => path.toLowerCase() === name.toLowerCase());
    if (misspelt) output.warn(`${misspelt} is not read: the name is ${name}, with a capital ${name[0]}.`);
  }
  return { tree, entries, procfile: text === null ? null : parseProcfile(text.toString()) };
}
