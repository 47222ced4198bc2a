import { parse, stringify } from 'smol-toml';
import { pack } from 'tar-stream';
import { PlatformError } from '../../domain/errors.ts';
import type { Jail } from '../jail/jail.ts';
import { type Buildpack, escapedId } from './buildpack.ts';
import { type LayersOnDisk, layersFolder, readLayersFolder } from './layers-on-disk.ts';
import { layersDir, type PhaseInputs } from './phase.ts';
import type { BuildRecord, RecordedBuildpack } from './record.ts';
import { parseLayer } from './toml-files.ts';

/**
 * Prepares the app's volume for the buildpacks of this build. It keeps their cached layers and the descriptions of the
 * last image's layers, and removes everything else (Buildpack API, "Layer Types"). Nothing is copied, because the volume
 * is the cache. A cached launch layer is kept only when it equals the last image's. A layer that is only a cache is kept
 * as its buildpack left it, also after a failed build.
 */
export async function restoreLayers(
  buildpacks: readonly Buildpack[],
  record: BuildRecord | null,
  inputs: PhaseInputs,
): Promise<void> {
  const { jail } = inputs;
  const kept = new Map<string, Restored>();
  for (const buildpack of buildpacks) {
    const last = record?.group.find(({ id }) => id === buildpack.id) ?? null;
    kept.set(escapedId(buildpack.id), await restored(buildpack, { last, record, jail }));
  }
  await removeOthers(jail, kept);
  await jail.put(layersDir, descriptions(kept));
}

interface Restored {
  /** Folders that stay. */
  readonly folders: readonly string[];
  /** Files to write, by name. */
  readonly files: ReadonlyMap<string, string>;
}

async function restored(
  buildpack: Buildpack,
  { last, record, jail }: { last: RecordedBuildpack | null; record: BuildRecord | null; jail: Jail },
): Promise<Restored> {
  const disk = await readLayersFolder(jail, buildpack.id);
  const folders: string[] = [];
  const files = new Map<string, string>();
  if (last?.store) files.set('store.toml', last.store);
  for (const [name, layer] of Object.entries(last?.layers ?? {})) {
    // The layer is only in the image. With its description, the buildpack can declare that it stays as it is.
    if (layer.launch && !layer.cache) files.set(`${name}.toml`, layer.toml);
  }
  const unchanged = await unchangedLayers(buildpack, { last, record, jail, disk });
  for (const name of disk.folders.keys()) {
    const description = disk.files.get(`${name}.toml`);
    const onDisk = description === undefined ? null : readable(description);
    const recorded = last?.layers[name];
    if (recorded?.cache && unchanged.has(name)) files.set(`${name}.toml`, recorded.toml);
    else if (onDisk && isCacheOnly(onDisk, recorded)) files.set(`${name}.toml`, withoutTypes(onDisk.metadata));
    else continue;
    folders.push(name);
  }
  return { folders, files };
}

/** Cached launch layers whose folder still equals the image's copy. */
async function unchangedLayers(
  buildpack: Buildpack,
  facts: { last: RecordedBuildpack | null; record: BuildRecord | null; jail: Jail; disk: LayersOnDisk },
): Promise<ReadonlySet<string>> {
  const root = layersFolder(buildpack.id).slice(1);
  const candidates = Object.entries(facts.last?.layers ?? {}).flatMap(([name, layer]) => {
    const inImage = facts.record?.layers.find(({ tree }) => tree.path === `${root}/${name}`);
    return layer.launch && layer.cache && inImage && facts.disk.folders.has(name) ? [{ name, inImage }] : [];
  });
  const fingerprints = await facts.jail.fingerprints(candidates.map(({ inImage }) => inImage.tree));
  return new Set(
    candidates.filter(({ inImage }, index) => inImage.fingerprint === fingerprints[index]).map(({ name }) => name),
  );
}

/** An interrupted build may have left a description without types. Then the types of the last complete build count. */
function isCacheOnly(
  onDisk: ReturnType<typeof parseLayer>,
  recorded: { readonly launch: boolean; readonly cache: boolean } | undefined,
): boolean {
  return (onDisk.cache && !onDisk.launch) || (recorded?.cache === true && !recorded.launch);
}

function readable(toml: string): ReturnType<typeof parseLayer> | null {
  try {
    return parseLayer(toml, 'a layer');
  } catch {
    return null;
  }
}

/** Types are left out: buildpacks append their own, and a second `[types]` table would be a syntax error. */
function withoutTypes(metadata: Readonly<Record<string, unknown>>): string {
  return stringify({ metadata });
}

/** The description of a layer as the record keeps it: without types. */
export function recordedToml(toml: string): string {
  const { types: _types, ...rest } = parse(toml);
  return stringify(rest);
}

async function removeOthers(jail: Jail, kept: ReadonlyMap<string, Restored>): Promise<void> {
  const top = layersDir.slice(1).length + 1;
  const there = (await jail.list([layersDir], 2)).map(({ path }) => path.slice(top + 1)).filter((path) => path !== '');
  const superfluous = there.filter((path) => {
    const [folder = '', name] = path.split('/');
    const of = kept.get(folder);
    return !of || (name !== undefined && !of.folders.includes(name));
  });
  if (superfluous.length === 0) return;
  const argv = ['rm', '-rf', '--', ...superfluous];
  const { status } = await jail.run({ argv, env: { PATH: '/usr/bin:/bin' }, cwd: layersDir });
  if (status !== 0) throw new PlatformError('internal', 'The cache of the last build could not be cleared.');
}

function descriptions(kept: ReadonlyMap<string, Restored>): AsyncIterable<Uint8Array> {
  const tar = pack();
  for (const [folder, { files }] of kept) {
    tar.entry({ name: folder, type: 'directory', mode: 0o755 });
    for (const [name, text] of files) tar.entry({ name: `${folder}/${name}` }, text);
  }
  tar.finalize();
  return tar as AsyncIterable<Uint8Array>;
}
