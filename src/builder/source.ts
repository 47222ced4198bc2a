import type { BuildOutput } from '../domain/build.ts';
import { parseProcfile, procfileMaxBytes } from '../domain/procfile.ts';
import type { SourceTree } from '../domain/push.ts';
import type { Source } from './strategy.ts';

/** Looks at a tree once for everybody. Throws `invalid_params` with the Procfile's wrong line, before anything is built. */
export async function readSource(tree: SourceTree, output: BuildOutput): Promise<Source> {
  const [entries, text] = await Promise.all([tree.list(), tree.readFile('Procfile', procfileMaxBytes)]);
  if (text === null) {
    const misspelt = entries.find(({ path }) => path !== 'Procfile' && path.toLowerCase() === 'procfile');
    if (misspelt) output.warn(`${misspelt.path} is not read: the name is Procfile, with a capital P.`);
  }
  return { tree, entries, procfile: text === null ? null : parseProcfile(text.toString()) };
}
