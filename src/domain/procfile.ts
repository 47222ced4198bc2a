import { PlatformError } from './errors.ts';
import { processTypePattern } from './formation.ts';

/** Process type to command line, as they follow in the file. Only the container's bash runs the command, never the platform's. */
export type Procfile = ReadonlyMap<string, string>;

export const procfileMaxBytes = 64 * 1024;

/**
 * Reads a Procfile: one `type: command` per line. Blank lines and lines that begin with # are skipped. CRLF is accepted.
 * Throws `invalid_params` with the number and the text of the first other line.
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
