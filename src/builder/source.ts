import type { BuildOutput } from '../domain/build.ts';
import { shownName } from '../domain/file-name.ts';
import { parseProcfile, procfileMaxBytes } from '../domain/procfile.ts';
import type { SourceTree } from '../domain/push.ts';
import { textOf } from '../domain/text-file.ts';
import { controlFiles } from './control-files.ts';
import { packageFacts } from './package-facts.ts';
import type { Source } from './strategy.ts';

const packageJsonMaxBytes = 1024 * 1024;

/** Reads a tree's list of files, its Procfile and its package.json. Throws `invalid_params` with the wrong line of an invalid Procfile. */
export async function readSource(tree: SourceTree, output: BuildOutput): Promise<Source> {
  const entries = await tree.list();
  const files = controlFiles(tree, entries);
  const names = entries.map(({ path }) => path);
  for (const name of ['Procfile', 'Dockerfile']) {
    const misspelt = names.includes(name) ? undefined : names.find((path) => path.toLowerCase() === name.toLowerCase());
    if (misspelt) output.warn(`${shownName(misspelt)} is not read: the name is ${name}, with a capital ${name[0]}.`);
  }
  const [paths, procfile, dockerfile] = await Promise.all([
    files.paths(),
    files.read('Procfile', procfileMaxBytes),
    files.find('Dockerfile'),
  ]);
  // With a Dockerfile nothing reads package.json.
  const packageJson = dockerfile ? null : await files.read('package.json', packageJsonMaxBytes);
  return {
    tree,
    entries,
    files,
    paths,
    procfile: procfile && parseProcfile(textOf(procfile, 'Procfile')),
    packageJson: packageJson && packageFacts(packageJson.toString()),
  };
}
