import { readFileSync } from 'node:fs';

/** The platform's version, from its package.json. */
export const version: string = readVersion();

function readVersion(): string {
  // Two folders above this file in a checkout (src/system) and in a package (dist/system) alike.
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { readonly version: string }).version;
}
