import type { Jail } from '../jail/jail.ts';
import type { BuiltByBuildpack } from './build-phase.ts';
import { type EnvChange, envChanges } from './env-files.ts';
import type { LaunchLayer, StartableProcess } from './launch-plan.ts';
import { layersFolder } from './layers-on-disk.ts';
import type { BuildRecord } from './record.ts';
import { type LaunchMetadata, parseLaunch } from './toml-files.ts';

/** The folders of a layer that the launcher reads. `bin` and `lib` are only put on search paths. */
const folders = ['env', 'env.launch', 'exec.d', 'profile.d'] as const;

/** What the buildpacks' layers change for processes. For a layer that is kept from the last image, the last build's answer. */
export async function launchLayers(
  built: readonly BuiltByBuildpack[],
  { jail, record }: { readonly jail: Jail; readonly record: BuildRecord | null },
): Promise<readonly LaunchLayer[]> {
  const result: LaunchLayer[] = [];
  for (const { buildpack, disk, layers } of built) {
    const root = layersFolder(buildpack.id);
    for (const [name, { launch }] of layers) {
      if (!launch) continue;
      const path = `${root}/${name}`;
      const contents = disk.folders.get(name);
      const before = record?.launch.layers.find((layer) => layer.path === path);
      if (contents) result.push({ buildpackId: buildpack.id, path, ...(await readLayer(path, contents, jail)) });
      else if (before) result.push(before);
    }
  }
  return result;
}

async function readLayer(
  path: string,
  contents: readonly string[],
  jail: Jail,
): Promise<Omit<LaunchLayer, 'buildpackId' | 'path'>> {
  const present = folders.filter((folder) => contents.includes(folder)).map((folder) => `${path}/${folder}`);
  const listed = present.length === 0 ? [] : await jail.list(present, 2);
  // Links count as files here, because many buildpacks link their exec.d programs.
  const paths = listed.filter(({ type }) => type === 'f' || type === 'l').map((file) => file.path);
  const texts = await jail.read(paths.filter((file) => /\/env(\.launch)?\//.test(file.slice(path.length))));
  const env: Record<string, readonly EnvChange[]> = {};
  for (const folder of ['env', 'env.launch']) {
    for (const [type, names] of byType(paths, `${path}/${folder}`)) {
      const files = new Map(
        names.map((name) => [name.slice(name.lastIndexOf('/') + 1), String(texts.get(name)?.content ?? '')]),
      );
      env[type] = [...(env[type] ?? []), ...envChanges(files)];
    }
  }
  return {
    hasBin: contents.includes('bin'),
    hasLib: contents.includes('lib'),
    env,
    execD: Object.fromEntries(byType(paths, `${path}/exec.d`)),
    profileD: Object.fromEntries(byType(paths, `${path}/profile.d`)),
  };
}

/** By process type, in byte order: files directly in the folder under '', files in a subfolder under its name. */
function byType(paths: readonly string[], folder: string): ReadonlyMap<string, readonly string[]> {
  const result = new Map<string, string[]>();
  for (const path of paths.filter((candidate) => candidate.startsWith(`${folder}/`)).sort()) {
    const [first = '', second] = path.slice(folder.length + 1).split('/');
    const type = second === undefined ? '' : first;
    result.set(type, [...(result.get(type) ?? []), path]);
  }
  return result;
}

export interface LaunchDefaults {
  readonly processes: readonly StartableProcess[];
  readonly defaultType: string | null;
  readonly labels: Readonly<Record<string, string>>;
  readonly slices: readonly string[];
}

/** The launch.toml files of a group merged into one. A later buildpack overrides an earlier one (Buildpack API, "launch.toml"). */
export function launchDefaults(built: readonly BuiltByBuildpack[]): LaunchDefaults {
  const processes = new Map<string, StartableProcess>();
  let defaultType: string | null = null;
  const labels: Record<string, string> = {};
  const slices: string[] = [];
  for (const { buildpack, disk } of built) {
    const text = disk.files.get('launch.toml');
    if (text === undefined) continue;
    const launch: LaunchMetadata = parseLaunch(text, `${buildpack.id}/launch.toml`);
    for (const { isDefault, ...process } of launch.processes) {
      processes.set(process.type, { kind: 'direct', ...process });
      if (isDefault) defaultType = process.type;
      else if (defaultType === process.type) defaultType = null;
    }
    for (const { key, value } of launch.labels) labels[key] = value;
    slices.push(...launch.slices.flat());
  }
  return { processes: [...processes.values()], defaultType, labels, slices };
}
