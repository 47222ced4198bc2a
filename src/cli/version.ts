import { readFileSync } from 'node:fs';

/** The package's version. It lies two folders above this file, in a checkout (src/cli) as in a package (dist/cli). */
export function version(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}
