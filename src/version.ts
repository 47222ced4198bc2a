import { readFileSync } from 'node:fs';

/** The platform's own version, from the package it is. */
export const version: string = readVersion();

function readVersion(): string {
  // One folder above the sources in a checkout and above dist/ in a package alike.
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { readonly version: string }).version;
}
