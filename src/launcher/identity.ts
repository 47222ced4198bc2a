import { createHash } from 'node:crypto';
import { readdirSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Settings } from '../config/settings.ts';
import { version } from '../system/version.ts';

/**
 * What a program must have in common with a launcher to be adopted by it: the platform's code, the Node that runs it,
 * and all settings. 16 hexadecimal digits.
 */
export function programIdentity(settings: Settings): string {
  const facts = [version, process.version, codeState(), settings, process.execArgv];
  return createHash('sha256').update(JSON.stringify(facts)).digest('hex').slice(0, 16);
}

/** Size and time of every source file, because a checkout changes between two versions. */
function codeState(): readonly string[] {
  const root = fileURLToPath(new URL('..', import.meta.url));
  const files = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((path) => /\.(ts|js|cjs)$/.test(path));
  return files.sort().map((path) => {
    const { size, mtimeMs } = statSync(`${root}/${path}`);
    return `${path} ${size} ${mtimeMs}`;
  });
}
