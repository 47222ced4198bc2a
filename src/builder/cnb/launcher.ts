import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { EnvChange } from './env-files.ts';
import { searchPath } from './env-files.ts';
import type { LaunchLayer, LaunchPlan, StartableProcess } from './launch-plan.ts';

export const launcherPath = '/cnb/lifecycle/launcher';
export const appDir = '/app';

const library = readFileSync(new URL('launcher.sh', import.meta.url), 'utf8');

/** Part of the build key: with another launcher, the same source makes another image. */
export const launcherDigest = `sha256:${createHash('sha256').update(library).digest('hex')}`;

/**
 * The program that starts every process of an image: `launcher TYPE` or `launcher -- COMMAND ARGUMENT…`. It sets the
 * environment that the layers ask for, and then replaces itself by the process (exec). It is a shell script: everything
 * that a compiled launcher would parse at start is known when the image is made. Source: platform spec, "launcher";
 * contracts/buildpacks.md 1B.
 *
 * Unlike the specification's launcher, it reads the app's `.profile.d/*.sh` and `.profile` for every process, as Heroku does.
 */
export function launcherScript(plan: LaunchPlan): string {
  const types = plan.processes.map(({ type }) => quoted(type));
  return [
    library.trimEnd(),
    '',
    `__paas_app=${quoted(appDir)}`,
    `__paas_types=(${types.join(' ')})`,
    `__paas_default_type=${quoted(plan.defaultType ?? '')}`,
    '',
    ...shellFunction('__paas_environment', environment(plan)),
    ...shellFunction('__paas_start', starts(plan)),
    '__paas_main "$@"',
    '',
  ].join('\n');
}

function shellFunction(name: string, body: readonly string[]): readonly string[] {
  return [`${name}() {`, ':', ...body, '}', ''];
}

/** For each buildpack, first the root folders of all its layers, then their env folders, as the reference launcher does. */
function environment({ layers }: LaunchPlan): readonly string[] {
  const buildpacks = Map.groupBy(layers, (layer) => layer.buildpackId);
  return [...buildpacks.values()].flatMap((group) => [
    ...group.flatMap(rootChanges).map(change),
    ...group.flatMap((layer) => [
      ...(layer.env[''] ?? []).map(change),
      ...forTypes(layer.env, (changes) => changes.map(change)),
      ...(layer.execD[''] ?? []).map((program) => `__paas_exec_d ${quoted(program)}`),
      ...forTypes(layer.execD, (programs) => programs.map((program) => `__paas_exec_d ${quoted(program)}`)),
    ]),
    ...group.flatMap((layer) => [
      ...(layer.profileD[''] ?? []).map((script) => `__paas_source ${quoted(script)}`),
      ...forTypes(layer.profileD, (scripts) => scripts.map((script) => `__paas_source ${quoted(script)}`)),
    ]),
  ]);
}

function rootChanges(layer: LaunchLayer): readonly EnvChange[] {
  return [
    ...(layer.hasBin ? [searchPath('PATH', `${layer.path}/bin`)] : []),
    ...(layer.hasLib ? [searchPath('LD_LIBRARY_PATH', `${layer.path}/lib`)] : []),
  ];
}

function change({ name, action, value, delimiter }: EnvChange): string {
  return `__paas_${action} ${name} ${quoted(value)} ${quoted(delimiter)}`;
}

function forTypes<T>(
  byType: Readonly<Record<string, readonly T[]>>,
  lines: (values: readonly T[]) => readonly string[],
): readonly string[] {
  return Object.keys(byType)
    .filter((type) => type !== '')
    .sort()
    .map((type) => `[ "$__paas_type" != ${quoted(type)} ] || { ${lines(byType[type] ?? []).join('; ')}; }`);
}

function starts({ processes }: LaunchPlan): readonly string[] {
  return ['case $__paas_type in', '\'\') exec -- "$@" ;;', ...processes.map(start), 'esac', 'exit 127'];
}

function start(process: StartableProcess): string {
  const head = `${quoted(process.type)})`;
  if (process.kind === 'shell') {
    return `${head} exec bash -c ${quoted(process.command)} ;;`;
  }
  const move = process.workingDir === null ? '' : `cd -- ${quoted(process.workingDir)} || exit 1; `;
  const args = process.args.map(quoted).join(' ');
  // Arguments of the caller replace the default ones.
  return `${head} ${move}(($# > 0)) || set -- ${args}; exec -- ${process.command.map(quoted).join(' ')} "$@" ;;`;
}

/** The text as one word of bash. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
