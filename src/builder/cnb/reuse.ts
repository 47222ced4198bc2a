import { entriesDigest, presenceDigest, type SettingsDigest, stackParts } from '../build-key.ts';
import { coversPath, parsePattern } from '../glob.ts';
import { isBelow } from '../layer-tar.ts';
import type { ImageRequest, Source } from '../strategy.ts';
import type { BuiltByBuildpack } from './build-phase.ts';
import type { Group } from './order-toml.ts';
import type { BuildRecord, RecordedBuildpack, RecordedInputs } from './record.ts';
import { appTree } from './source-layer.ts';
import { parseStore } from './toml-files.ts';

/**
 * True when a build would make the same layers as the last one, apart from the app's own files. No container is needed
 * then.
 */
export function canReuseLayers(
  record: BuildRecord,
  groups: readonly Group[],
  { source, stack, config }: Pick<ImageRequest, 'source' | 'stack' | 'config'>,
  settings: SettingsDigest,
): boolean {
  const { inputs } = record;
  return (
    inputs !== null &&
    JSON.stringify(record.stack) === JSON.stringify(stackParts(stack)) &&
    isFirstCandidate(record, groups) &&
    inputs.content === entriesDigest(source, inputs.patterns.inputs) &&
    inputs.presence === presenceDigest(source, inputs.patterns.presence) &&
    inputs.settings === settings.of(config, inputs.patterns.env) &&
    !reachesIntoSlices(record, source)
  );
}

/** Whether the first group that may apply has the same buildpacks as the last build, unchanged. */
function isFirstCandidate({ group }: BuildRecord, [first]: readonly Group[]): boolean {
  return (
    first !== undefined &&
    first.length === group.length &&
    first.every(({ buildpack }, index) => buildpack.digest === group[index]?.digest)
  );
}

/** Whether the source now holds files at a path that the last build made itself. */
function reachesIntoSlices({ layers }: BuildRecord, { entries }: Source): boolean {
  const slices = layers.map(({ tree }) => tree.path).filter((path) => isBelow(path, appTree));
  return slices
    .map((slice) => parsePattern(slice.slice(appTree.length + 1)))
    .some((pattern) => entries.some(({ path }) => coversPath(path, pattern)));
}

/** Null unless every buildpack of the group declared that its inputs decide its result, and none changed the sources. */
export function recordedInputs(
  built: readonly BuiltByBuildpack[],
  {
    sourcesUntouched,
    request,
    settings,
  }: { sourcesUntouched: boolean; request: ImageRequest; settings: SettingsDigest },
): RecordedInputs | null {
  if (!sourcesUntouched) return null;
  const inputs: string[] = [];
  const presence: string[] = [];
  const env: string[] = [];
  for (const { buildpack, disk } of built) {
    const store = parseStore(disk.files.get('store.toml') ?? '', `${buildpack.id}/store.toml`);
    if (!buildpack.planning || !store.inputsOnly) return null;
    inputs.push(...buildpack.planning.inputs, ...store.inputs);
    presence.push(...buildpack.planning.presence, ...buildpack.planning.detect);
    env.push(...buildpack.planning.env);
  }
  return {
    patterns: { inputs, presence, env },
    content: entriesDigest(request.source, inputs),
    presence: presenceDigest(request.source, presence),
    settings: settings.of(request.config, env),
  };
}

export function recordedGroup(
  built: readonly BuiltByBuildpack[],
  toml: (text: string) => string,
): readonly RecordedBuildpack[] {
  return built.map(({ buildpack, disk, layers }) => ({
    id: buildpack.id,
    version: buildpack.version,
    digest: buildpack.digest,
    store: disk.files.get('store.toml') ?? null,
    layers: Object.fromEntries(
      [...layers].map(([name, { launch, cache }]) => [
        name,
        { launch, cache, toml: toml(disk.files.get(`${name}.toml`) ?? '') },
      ]),
    ),
  }));
}
