import type { BuildOutput } from '../domain/build.ts';
import { PlatformError } from '../domain/errors.ts';
import type { Procfile } from '../domain/procfile.ts';
import type { StartableProcess } from './cnb/launch-plan.ts';

/** What a source's image can start, and who said so. */
export interface Processes {
  readonly all: readonly StartableProcess[];
  readonly declared: readonly string[];
  /** By the builder, and not by the Procfile. */
  readonly defaults: readonly string[];
}

/**
 * The Procfile's types over the builder's, so that a default `console` survives; a default `web` does not survive a
 * Procfile without one, which says that nothing is to be served. Source: contracts/buildpacks.md 1A, rule 11.
 */
export function mergeProcesses(procfile: Procfile | null, defaults: readonly StartableProcess[]): Processes {
  const said: Procfile = procfile ?? new Map();
  const declared = [...said].map(([type, command]): StartableProcess => ({ type, kind: 'shell', command }));
  const kept = defaults.filter(({ type }) => said.size === 0 || (!said.has(type) && type !== 'web'));
  return {
    all: [...declared, ...kept],
    declared: declared.map(({ type }) => type),
    defaults: kept.map(({ type }) => type),
  };
}

/** In Heroku's words (contracts/heroku.md 2.3). Throws `build_failed` when there are none: nothing could ever be started. */
export function announceProcesses(processes: Processes, builderName: string, output: BuildOutput): void {
  output.step('Discovering process types');
  if (processes.declared.length > 0) output.detail(`Procfile declares types -> ${processes.declared.join(', ')}`);
  if (processes.defaults.length > 0) {
    output.detail(`Default types for ${builderName} -> ${processes.defaults.join(', ')}`);
  }
  if (processes.declared.includes('release')) {
    // Whoever comes from Heroku counts on it: migrations that nobody runs must not go unnoticed.
    output.warn('The release command is not run: there is no release phase here yet. Run it yourself with paas run.');
  }
  if (processes.all.length === 0) {
    throw nothingToRun('no Procfile names a process type, and there is no default for this kind of app');
  }
}

/** Said before the image is made, which takes a moment where there is much to pack. Throws as `announceProcesses` does. */
export function announceExport(
  defaults: readonly StartableProcess[],
  {
    builderName,
    procfile,
    output,
  }: { readonly builderName: string; readonly procfile: Procfile | null; readonly output: BuildOutput },
): void {
  announceProcesses(mergeProcesses(procfile, defaults), builderName, output);
  output.step('Compressing...');
}

/** Such a release would take the version that serves away, and put nothing in its place. */
export function nothingToRun(
  why: string,
  hint = 'Add a Procfile with a line such as: web: node server.js',
): PlatformError {
  return new PlatformError('build_failed', `Nothing says what to run: ${why}.`, { hint });
}
