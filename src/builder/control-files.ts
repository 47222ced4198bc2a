import { PlatformError } from '../domain/errors.ts';
import { shownName } from '../domain/file-name.ts';
import type { SourceEntry, SourceTree } from '../domain/push.ts';

/** Linux follows as many links in one path. */
const maxLinks = 40;
const linkMode = '120000';
const submoduleMode = '160000';
/** Links at the top that may lead to folders. Each costs a read of git. */
const maxFolderLinks = 20;

/** The files of a source that the platform and its buildpacks read themselves: Procfile, .dockerignore, package.json … */
export interface ControlFiles {
  /**
   * The content of the regular file that this path leads to; null when there is none. Follows links inside the source.
   * Throws `invalid_params` when the path is any other link, and `too_large` above `maxBytes`.
   */
  read(path: string, maxBytes: number): Promise<Buffer | null>;
  /** The regular file that this path leads to, as `read` finds it. */
  find(path: string): Promise<SourceEntry | null>;
  /** All files and links, and the files of the folders that links at the top lead to, without submodules. */
  paths(): Promise<ReadonlySet<string>>;
}

export function controlFiles(tree: SourceTree, entries: readonly SourceEntry[]): ControlFiles {
  const byPath = new Map(entries.map((entry) => [entry.path, entry]));
  const find = async (path: string) => {
    const found = byPath.get(path);
    if (found?.mode.startsWith('100')) return found;
    const { file, links, why } = await follow(path, { tree, byPath });
    if (file || found?.mode !== linkMode) return file;
    const way = (links.length > maxLinks ? links.slice(0, 1) : links).map(shownName).join(' → ');
    throw new PlatformError('invalid_params', `${shownName(path)} is a link to ${way}, ${why}.`, {
      hint: 'Commit the file itself in its place, or a link to a file of the source.',
    });
  };
  return {
    find,
    async read(path, maxBytes) {
      const file = await find(path);
      return file && (await tree.readFile(file.path, maxBytes));
    },
    async paths() {
      const paths = new Set(entries.filter(({ mode }) => mode !== submoduleMode).map(({ path }) => path));
      const links = entries.filter(({ mode, path }) => mode === linkMode && !path.includes('/'));
      for (const { path } of links.slice(0, maxFolderLinks)) {
        const { folder } = await follow(path, { tree, byPath });
        if (folder === null) continue;
        const start = folder === '' ? '' : `${folder}/`;
        for (const other of entries) {
          const name = other.path.slice(start.length);
          if (other.path.startsWith(start) && !name.includes('/')) paths.add(`${path}/${name}`);
        }
      }
      return paths;
    },
  };
}

/** Whether a link stands at one of the paths, or at a folder above one. */
export function throughLinks(
  entries: readonly SourceEntry[],
  matches: (path: string) => boolean,
  paths: readonly string[],
): boolean {
  return entries.some(
    ({ mode, path }) => mode === linkMode && (matches(path) || paths.some((below) => below.startsWith(`${path}/`))),
  );
}

interface Followed {
  readonly file: SourceEntry | null;
  /** The folder that it leads to, '' for the top. */
  readonly folder: string | null;
  /** The targets of the links on the way. */
  readonly links: readonly string[];
  /** Why there is no file. */
  readonly why: string;
}

/** Walks a path as the kernel does, with the top of the source as the top of everything. */
async function follow(
  path: string,
  { tree, byPath }: { readonly tree: SourceTree; readonly byPath: ReadonlyMap<string, SourceEntry> },
): Promise<Followed> {
  const links: string[] = [];
  const none = (why: string): Followed => ({ file: null, folder: null, links, why });
  const at: string[] = [];
  const rest = path.split('/');
  for (let name = rest.shift(); name !== undefined; name = rest.shift()) {
    if (name === '' || name === '.') continue;
    if (name === '..') {
      if (at.pop() === undefined) return none('which is outside of the source');
      continue;
    }
    if (at.length === 0 && name.toLowerCase() === '.git') return none('which is in .git and not in the source');
    at.push(name);
    const here = at.join('/');
    const entry = byPath.get(here);
    if (entry?.mode === linkMode) {
      const target = (await tree.readLink(here)) ?? '';
      links.push(target);
      if (target.startsWith('/')) return none('which is outside of the source');
      if (links.length > maxLinks) return none('which leads round in a circle');
      at.pop();
      rest.unshift(...target.split('/'));
    } else if (entry?.mode.startsWith('100')) {
      return rest.length === 0 ? { file: entry, folder: null, links, why: '' } : none('which is not in the source');
    } else if (entry) return none(`which is in the submodule ${shownName(here)}, whose files are not fetched`);
    else if (!isFolder(here, byPath)) return none('which is not in the source');
  }
  return { ...none('which is a folder'), folder: at.join('/') };
}

function isFolder(path: string, byPath: ReadonlyMap<string, SourceEntry>): boolean {
  for (const other of byPath.keys()) if (other.startsWith(`${path}/`)) return true;
  return false;
}
