import { readFileSync, realpathSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { type Environment, environment } from '../config/environment.ts';

/** From npm's own folder: where npm says what it does when nobody told it otherwise. The last is npm 9's, which Debian 13 has. */
const definitions = [
  'node_modules/@npmcli/config/lib/definitions/definitions.js',
  '../@npmcli/config/lib/definitions/definitions.js',
  'lib/utils/config/definitions.js',
];
const usualFolders = ['/usr/lib/node_modules/npm', '/usr/local/lib/node_modules/npm', '/usr/share/nodejs/npm'];

/**
 * The registry that the host's npm uses when nothing is configured, so that builds fetch from where the platform's own
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
  // …/npm/bin/npm-cli.js, whatever links lead there.
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
