import { PlatformError } from './errors.ts';
import { processTypePattern } from './formation.ts';

/** Process type to command line, in the file's order. The command is for the container's bash, never for ours. */
export type Procfile = ReadonlyMap<string, string>;

export const procfileMaxBytes = 64 * 1024;

/**
 * Reads a Procfile: one `type: command` a line; blank lines and lines that begin with # are skipped; CRLF is accepted.
 * Throws `invalid_params` with the number and the text of the first line that is neither.
 * Source: Heroku Dev Center "The Procfile"; the pattern of slug-compiler.
 */
export function parseProcfile(text: string): Procfile {
  const types = new Map<string, string>();
  const lines = text.replace(/^\uFEFF/, '').split(/\r?\n/);
  for (const [index, line] of lines.entries()) {
    if (line.trim() === '' || line.trimStart().startsWith('#')) continue;
    const match = /^([^\s:]+):\s*(\S.*)$/.exec(line.trimEnd());
    const [, type, command] = match ?? [];
    if (!type || !command || !processTypePattern.test(type)) {
      throw new PlatformError(
        'invalid_params',
        `Procfile line ${index + 1} is not "type: command": ${JSON.stringify(line.slice(0, 120))}`,
        { hint: 'For example: web: node server.js' },
      );
    }
    if (types.has(type)) {
      throw new PlatformError('invalid_params', `Procfile line ${index + 1} declares ${type} a second time.`);
    }
    types.set(type, command);
  }
  return types;
}
