import { PlatformError } from '../../domain/errors.ts';
import type { LayerFile } from '../../domain/images.ts';
import type { Tree } from '../jail/frames.ts';
import type { Jail } from '../jail/jail.ts';
import type { Owner } from '../layer-tar.ts';
import type { BuiltByBuildpack } from './build-phase.ts';
import { layersFolder } from './layers-on-disk.ts';
import type { BuildRecord } from './record.ts';
import type { RecordedLayer } from './recorded-layer.ts';
import { appTree } from './source-layer.ts';
import { splitLayers } from './split-layers.ts';

export interface ExportInputs {
  readonly jail: Jail;
  readonly record: BuildRecord | null;
  /** The layers of the last image; empty when the engine no longer has it. */
  readonly knownDiffIds: ReadonlySet<string>;
  /** The image's first layers, those of the runtimes, are the same as in the last image. */
  readonly baseUnchanged: boolean;
  /** The fingerprint of the app's folder before anything was built. */
  readonly sourceFingerprint: string;
  /** The folder to write layers to. */
  readonly directory: string;
  /** Of every file in the layers. */
  readonly owner: Owner;
  readonly maxBytes: number;
}

export interface ExportedLayers {
  /** The layers below the app's own, in the order of the image. */
  readonly layers: readonly RecordedLayer[];
  /** The layers that were made now, the app's own included, by path. */
  readonly files: ReadonlyMap<string, LayerFile>;
  /** Null when the build did not change the sources: the app's layer is then made from git. */
  readonly appDiffId: string | null;
}

/** The app folder's fingerprint. Taken before any build runs, so it is the fingerprint of the sources. */
export async function fingerprintSource(jail: Jail): Promise<string> {
  const [fingerprint = ''] = await jail.fingerprints([{ path: appTree, without: [] }]);
  return fingerprint;
}

/**
 * The trees that get their own layer in the image. Nothing is packed yet. Throws `build_failed` for a layer that is
 * described but missing.
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
 * Exports the image's layers from the jail, but only those that the last image does not have: an equal fingerprint means
 * an unchanged layer. Throws `build_failed` when a layer is to be kept and the engine no longer has it.
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
  // The engine knows a layer only on top of the layers below it. Above a changed layer, none can be kept.
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
  /** The layer has a description but no folder: it is kept as the last image has it. */
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
 * Slices that are plain paths. The files of a slice with a pattern stay in the app's layer: the image has the same files,
 * but a change of one of them makes a larger layer anew.
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
  const { directory, owner, maxBytes, jail } = inputs;
  const layers = await splitLayers(jail.archive(trees), { trees, owner, directory, maxBytes });
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
