import type { Jail, ListedEntry } from '../jail/jail.ts';
import { escapedId } from './buildpack.ts';
import { layersDir } from './phase.ts';

/** The files of a buildpack's layers folder that describe no layer (Buildpack API). */
const reserved = new Set(['launch.toml', 'build.toml', 'store.toml']);

/** The contents of one buildpack's layers folder. */
export interface LayersOnDisk {
  /** The text of every `.toml` file, by name: `launch.toml`, `build.toml`, `store.toml` and each `<layer>.toml`. */
  readonly files: ReadonlyMap<string, string>;
  /** Names of the layers with a `<layer>.toml`, sorted. */
  readonly layers: readonly string[];
  /** By name of a folder: the names of the entries in it. */
  readonly folders: ReadonlyMap<string, readonly string[]>;
}

export function layersFolder(buildpackId: string): string {
  return `${layersDir}/${escapedId(buildpackId)}`;
}

export async function readLayersFolder(jail: Jail, buildpackId: string): Promise<LayersOnDisk> {
  const root = layersFolder(buildpackId);
  const listed = await jail.list([root], 2);
  const inRoot = listed.filter(({ path }) => path.lastIndexOf('/') === root.length);
  const tomls = inRoot.filter(({ type, path }) => type === 'f' && path.endsWith('.toml')).map(({ path }) => path);
  const files = new Map(
    [...(await jail.read(tomls))].map(([path, { content }]) => [path.slice(root.length + 1), content.toString()]),
  );
  const folders = new Map(
    inRoot.filter(({ type }) => type === 'd').map(({ path }) => [path.slice(root.length + 1), namesIn(listed, path)]),
  );
  const layers = [...files.keys()]
    .filter((name) => !reserved.has(name) && !/^(launch|build)\.sbom\./.test(name))
    .map((name) => name.slice(0, -'.toml'.length))
    .sort();
  return { files, layers, folders };
}

function namesIn(listed: readonly ListedEntry[], folder: string): readonly string[] {
  return listed.filter(({ path }) => path.startsWith(`${folder}/`)).map(({ path }) => path.slice(folder.length + 1));
}

/** The contents of regular files, by folder and then by name. Links are left out: nothing reads through them. */
export async function readFolders(
  jail: Jail,
  folders: readonly string[],
): Promise<ReadonlyMap<string, ReadonlyMap<string, string>>> {
  if (folders.length === 0) return new Map();
  const listed = await jail.list(folders, 1);
  const paths = listed.filter(({ type }) => type === 'f').map(({ path }) => path);
  const files = await jail.read(paths);
  const result = new Map<string, Map<string, string>>();
  for (const [path, { content }] of files) {
    const slash = path.lastIndexOf('/');
    const folder = path.slice(0, slash);
    const inFolder = result.get(folder) ?? new Map<string, string>();
    result.set(folder, inFolder.set(path.slice(slash + 1), content.toString()));
  }
  return result;
}
