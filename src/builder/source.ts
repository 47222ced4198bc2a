import type { BuildOutput } from '../domain/build.ts';
import { parseProcfile, procfileMaxBytes } from '../domain/procfile.ts';
import type { SourceTree } from '../domain/push.ts';
import { packageFacts } from './package-facts.ts';
import type { Source } from './strategy.ts';

const packageJsonMaxBytes = 1024 * 1024;
/** git's mode of a submodule, whose content is not in the tree. */
const submodule = '160000';

/** Reads a tree's list of files, its Procfile and its package.json. Throws `invalid_params` with the wrong line of an invalid Procfile. */
export async function readSource(tree: SourceTree, output: BuildOutput): Promise<Source> {
  const [entries, text, packageJson] = await Promise.all([
    tree.list(),
    tree.readFile('Procfile', procfileMaxBytes),
    tree.readFile('package.json', packageJsonMaxBytes),
  ]);
  const names = entries.map(({ path }) => path);
  for (const name of ['Procfile', 'Dockerfile']) {
    const misspelt = names.includes(name) ? undefined : names.find((path) => path.toLowerCase() === name.toLowerCase());
    if (misspelt) output.warn(`${misspelt} is not read: the name is ${name}, with a capital ${name[0]}.`);
  }
  return {
    tree,
    entries,
    paths: new Set(entries.filter(({ mode }) => mode !== submodule).map(({ path }) => path)),
    procfile: text === null ? null : parseProcfile(text.toString()),
    packageJson: packageJson === null ? null : packageFacts(packageJson.toString()),
  };
}
