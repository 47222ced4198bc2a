import type { LayerFile } from '../../domain/engine.ts';
import { PlatformError } from '../../domain/errors.ts';
import type { Jail, Tree } from '../jail/jail.ts';
import type { BuiltByBuildpack } from './build-phase.ts';
import { layersFolder } from './layers-on-disk.ts';
import type { BuildRecord } from './record.ts';
import type { RecordedLayer } from './recorded-layer.ts';
import { appTree } from './source-layer.ts';
import { splitLayers } from './split-layers.ts';

export interface ExportInputs {
  readonly jail: Jail;
  readonly record: BuildRecord | null;
  /** Of the last image, as long as the engine still has it. */
  readonly knownDiffIds: ReadonlySet<string>;
  /** The image begins with the layers that the last one begins with. */
  readonly baseUnchanged: boolean;
  /** The fingerprint of the app's folder before anything was built. */
  readonly sourceFingerprint: string;
  /** Where layers are written. */
  readonly directory: string;
  readonly maxBytes: number;
}

export interface ExportedLayers {
  /** Below the app's own, in the image's order. */
  readonly layers: readonly RecordedLayer[];
  /** Those of them, and the app's own, that were made now. */
  readonly files: ReadonlyMap<string, LayerFile>;
  /** Null when the build left the sources as they were: then they come straight out of git. */
  readonly appDiffId: string | null;
}

/** The fingerprint of a folder that nobody touched since it was put there is the fingerprint of its sources. */
export async function fingerprintSource(jail: Jail): Promise<string> {
  const [fingerprint = ''] = await jail.fingerprints([{ path: appTree, without: [] }]);
  return fingerprint;
}

/**
 * What gets a layer of its own in the image, before anything is packed. Throws `build_failed` for a layer that is
 * described and not there.
 */
export async function planLayers(
  built: readonly BuiltByBuildpack[],
  {
    jail,
    record,
    slices,
  }: {
    readonly jail: Jail;
    readonly record: BuildRecord | null;
    /** Paths below the app's folder that get a layer of their own. */
    readonly slices: readonly string[];
  },
): Promise<readonly PlannedTree[]> {
  return [...launchTrees(built, record), ...(await sliceTrees(jail, slices))];
}

/**
 * The image's layers out of the jail. Only those leave it that the last image does not have already; that one is
 * unchanged is told by its fingerprint. Throws `build_failed` for a layer that was to stay as it was and is not there any more.
 */
export async function exportLayers(planned: readonly PlannedTree[], inputs: ExportInputs): Promise<ExportedLayers> {
  const { jail, record } = inputs;
  const app: Tree = {
    path: appTree,
    without: planned.map(({ tree }) => tree.path).filter((path) => path.startsWith(`${appTree}/`)),
  };
  const present = planned.filter(({ lastOnly }) => !lastOnly).map(({ tree }) => tree);
  const fingerprints = await jail.fingerprints([...present, app]);
  const fingerprintOf = new Map([...present, app].map((tree, index) => [tree.path, fingerprints[index] ?? '']));
  const kept = new Map<string, RecordedLayer>();
  // A layer is known to the engine as one that lies on certain others: above a changed one, none is.
  let { baseUnchanged } = inputs;
  for (const { tree, lastOnly } of planned) {
    const last = record?.layers.find((layer) => layer.tree.path === tree.path);
    const unchanged = lastOnly || (baseUnchanged && last?.fingerprint === fingerprintOf.get(tree.path));
    if (last && unchanged && inputs.knownDiffIds.has(last.diffId)) kept.set(tree.path, last);
    else if (lastOnly) throw missing(tree.path);
    else baseUnchanged = false;
  }
  const appChanged = fingerprintOf.get(app.path) !== inputs.sourceFingerprint;
  const exported = [...present.filter(({ path }) => !kept.has(path)), ...(appChanged ? [app] : [])];
  const files = await exportTrees(exported, inputs);
  return {
    layers: planned.map(({ tree }) => kept.get(tree.path) ?? recorded(tree, { files, fingerprintOf })),
    files,
    appDiffId: files.get(app.path)?.diffId ?? null,
  };
}

export interface PlannedTree {
  readonly tree: Tree;
  /** Described and not there: it stays as the last image has it. */
  readonly lastOnly: boolean;
}

function launchTrees(built: readonly BuiltByBuildpack[], record: BuildRecord | null): readonly PlannedTree[] {
  return built.flatMap(({ buildpack, disk, layers }) =>
    [...layers]
      .filter(([, { launch }]) => launch)
      .map(([name, { cache }]) => {
        const path = `${layersFolder(buildpack.id)}/${name}`.slice(1);
        const there = disk.folders.has(name);
        const inLast = record?.layers.some((layer) => layer.tree.path === path) ?? false;
        if (!there && (cache || !inLast)) throw missing(path);
        return { tree: { path, without: [] }, lastOnly: !there };
      }),
  );
}

/**
 * Slices by their plain paths. One that is a pattern stays in the app's layer: the image has the same files, and a
 * change of them ships more than it must.
 */
async function sliceTrees(jail: Jail, slices: readonly string[]): Promise<readonly PlannedTree[]> {
  const plain = [...new Set(slices)].filter((path) => !/[*?[\\]|^\/|(^|\/)\.{0,2}(\/|$)/.test(path));
  if (plain.length === 0) return [];
  const listed = await jail.list(
    plain.map((path) => `${appTree}/${path}`),
    0,
  );
  return listed
    .filter(({ type }) => type === 'd')
    .map(({ path }) => ({ tree: { path, without: [] }, lastOnly: false }));
}

async function exportTrees(trees: readonly Tree[], inputs: ExportInputs): Promise<ReadonlyMap<string, LayerFile>> {
  if (trees.length === 0) return new Map();
  const { directory, maxBytes, jail } = inputs;
  const layers = await splitLayers(jail.archive(trees), { trees, directory, maxBytes });
  return new Map(layers.map((layer, index) => [trees[index]?.path ?? '', layer]));
}

function recorded(
  tree: Tree,
  {
    files,
    fingerprintOf,
  }: { readonly files: ReadonlyMap<string, LayerFile>; readonly fingerprintOf: ReadonlyMap<string, string> },
): RecordedLayer {
  const file = files.get(tree.path);
  if (!file) throw missing(tree.path);
  return { tree, fingerprint: fingerprintOf.get(tree.path) ?? '', diffId: file.diffId, sizeBytes: file.sizeBytes };
}

function missing(path: string): PlatformError {
  return new PlatformError('build_failed', `The buildpack described the layer /${path} and did not make it.`);
}
