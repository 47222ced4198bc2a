import { PlatformError } from '../domain/errors.ts';
import { isManifest } from './languages.ts';

const markers = new Set([
  'package.json',
  'index.html',
  'Procfile',
  'Dockerfile',
  'static.json',
  'server.js',
  'index.js',
]);
const shownFolders = 3;

/** The error for a source that no builder knows: what is looked for, and where in the source it is instead. */
export function nothingDetected(paths: ReadonlySet<string>): PlatformError {
  return new PlatformError('no_app_detected', 'No app could be detected in this source.', {
    hint: [
      'It needs at its top one of: a package.json or server.js (Node.js), an index.html (a static site), a Procfile (any program of the stack), a Dockerfile.',
      ...(paths.size === 0 ? ['The commit holds no files.'] : []),
      ...inFolders(paths),
    ].join(' '),
  });
}

/** A hint when folders hold apps, as in a repository of several parts: those nearest to the top. */
function inFolders(paths: ReadonlySet<string>): readonly string[] {
  const found = new Map<string, string>();
  for (const depth of [1, 2]) {
    for (const path of paths) {
      const names = path.split('/');
      const name = names.pop() ?? '';
      if (names.length !== depth || !(markers.has(name) || isManifest(name))) continue;
      const folder = names.join('/');
      if (!found.has(folder)) found.set(folder, name);
    }
    if (found.size > 0) break;
  }
  const shown = [...found].slice(0, shownFolders);
  const [[folder] = []] = shown;
  if (folder === undefined) return [];
  const places = shown.map(([at, name]) => `${name} in ${at}/`).join(', ');
  const which = found.size === 1 ? 'that folder' : 'one folder';
  return [`There is ${places}. To push ${which} alone: git subtree push --prefix ${folder} paas main`];
}
