import { PlatformError } from './errors.ts';
import { shownName } from './file-name.ts';
import { processTypePattern } from './formation.ts';

/** Process type to command line, as they follow in the file. Only the container's bash runs the command, never the platform's. */
export type Procfile = ReadonlyMap<string, string>;

export const procfileMaxBytes = 64 * 1024;

const entry = /^([^\s:]+)\s*:(.*)$/s;
/** Types that the platform treats in a way of their own. In another case they would be ordinary types. */
const special = ['web', 'release'];

/**
 * Reads a Procfile: one `type: command` per line. Blank lines and lines that begin with # are skipped, and so are blanks
 * around the type and the command. CRLF is accepted. `buildpacks/procfile` reads the same lines. Throws `invalid_params`
 * with the number and the text of the first other line.
 * Source: Heroku Dev Center "The Procfile"; the pattern of slug-compiler.
 */
export function parseProcfile(text: string): Procfile {
  const types = new Map<string, string>();
  const lines = text.replace(/^\uFEFF/, '').split(/\r\n|\r|\n/);
  for (const [index, line] of lines.entries()) {
    const content = line.trim();
    if (content === '' || content.startsWith('#')) continue;
    const at = `Procfile line ${index + 1}`;
    const [, type = '', rest = ''] = entry.exec(content) ?? [];
    const command = rest.trim();
    if (!processTypePattern.test(type)) {
      throw refused(`${at} is not "type: command": "${shownName(line.slice(0, 120))}"`, hintFor(line));
    }
    const meant = special.find((name) => name === type.toLowerCase());
    if (meant !== undefined && meant !== type) throw refused(`${at} says ${type}: write ${meant}, in lower case.`);
    if (command === '') throw refused(`${at} has no command for ${type}.`, `For example: ${type}: node server.js`);
    if (types.has(type)) throw refused(`${at} declares ${type} a second time.`);
    types.set(type, command);
  }
  return types;
}

function hintFor(line: string): string {
  if (/^[^:]*[\uFF1A\uFE55\u2236\uA789]/u.test(line))
    return 'Its colon is another character that looks like one: type it again.';
  return 'For example: web: node server.js';
}

function refused(message: string, hint?: string): PlatformError {
  return new PlatformError('invalid_params', message, hint === undefined ? {} : { hint });
}
