import type { BuildOutput } from '../domain/build.ts';
import { PlatformError } from '../domain/errors.ts';
import type { Procfile } from '../domain/procfile.ts';
import type { StartableProcess } from './cnb/launch-plan.ts';

/** The process types of an image, and which of them the Procfile declares. */
export interface Processes {
  readonly all: readonly StartableProcess[];
  readonly declared: readonly string[];
  /** Types from the builder that the Procfile does not declare. */
  readonly defaults: readonly string[];
}

/**
 * The Procfile's types override the builder's default types. A default `console` stays. A default `web` is dropped when
 * the Procfile has no `web`: nothing is to be served then. Source: contracts/buildpacks.md 1A, rule 11.
 */
export function mergeProcesses(procfile: Procfile | null, defaults: readonly StartableProcess[]): Processes {
  const types: Procfile = procfile ?? new Map();
  const declared = [...types].map(
    ([type, command]): StartableProcess => ({ type, kind: 'shell', command, ...stopSignalOf(command, defaults) }),
  );
  const kept = defaults.filter(({ type }) => types.size === 0 || (!types.has(type) && type !== 'web'));
  return {
    all: [...declared, ...kept],
    declared: declared.map(({ type }) => type),
    defaults: kept.map(({ type }) => type),
  };
}

/** A line that starts a builder's own program ends by its signal: `web: serve-static …`. */
function stopSignalOf(line: string, defaults: readonly StartableProcess[]): { readonly stopSignal?: string } {
  const [program] = line.trim().split(/\s+/);
  const same = defaults.find((process) => process.kind === 'direct' && process.command[0] === program);
  return same?.stopSignal === undefined ? {} : { stopSignal: same.stopSignal };
}

/** Prints the process types in Heroku's words (contracts/heroku.md 2.3). Throws `build_failed` when there are none to start. */
export function announceProcesses(processes: Processes, builderName: string, output: BuildOutput): void {
  output.step('Discovering process types');
  if (processes.declared.length > 0) output.detail(`Procfile declares types -> ${processes.declared.join(', ')}`);
  if (processes.defaults.length > 0) {
    output.detail(`Default types for ${builderName} -> ${processes.defaults.join(', ')}`);
  }
  if (processes.declared.includes('release')) {
    // Heroku runs it, so users may expect their migrations to run.
    output.warn('The release command is not run: there is no release phase here yet. Run it yourself with paas run.');
  }
  if (processes.all.length === 0) {
    throw nothingToRun('no Procfile names a process type, and there is no default for this kind of app');
  }
}

/** Printed before the image is made, because packing much takes some time. Throws like `announceProcesses`. */
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

/** The error for an image without process types. Its release would stop the serving version and start nothing. */
export function nothingToRun(
  why: string,
  hint = 'Add a Procfile with a line such as: web: node server.js',
): PlatformError {
  return new PlatformError('build_failed', `Nothing says what to run: ${why}.`, { hint });
}
