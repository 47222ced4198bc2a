import { readFileSync, realpathSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { type Environment, environment } from '../config/environment.ts';

/** The files with npm's default settings, relative to npm's folder. The last one is that of npm 9, which Debian 13 has. */
const definitions = [
  'node_modules/@npmcli/config/lib/definitions/definitions.js',
  '../@npmcli/config/lib/definitions/definitions.js',
  'lib/utils/config/definitions.js',
];
const usualFolders = ['/usr/lib/node_modules/npm', '/usr/local/lib/node_modules/npm', '/usr/share/nodejs/npm'];

/**
 * The registry that the host's npm uses without configuration. Builds then use the registry that the platform's own
 * packages came from. Undefined when the host has no npm.
 */
export function defaultNpmRegistry(env: Environment = environment()): string | undefined {
  for (const folder of npmFolders(env)) {
    for (const file of definitions) {
      const text = readText(join(folder, file));
      const found = /['"]registry['"],\s*\{\s*default:\s*['"](https?:\/\/[^'"]+)['"]/.exec(text)?.[1];
      if (found) return found;
    }
  }
  return undefined;
}

function npmFolders(env: Environment): readonly string[] {
  const programs = [env.npm_execpath, ...(env.PATH ?? '').split(delimiter).map((folder) => join(folder, 'npm'))];
  // The links are resolved to …/npm/bin/npm-cli.js.
  const installed = programs.flatMap((program) => realPath(program)).map((program) => dirname(dirname(program)));
  return [...installed, ...usualFolders];
}

function realPath(path: string | undefined): readonly string[] {
  try {
    return path ? [realpathSync(path)] : [];
  } catch {
    return [];
  }
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
