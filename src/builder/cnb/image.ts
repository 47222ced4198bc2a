import { appUser } from '../../domain/app-user.ts';
import type { Engine } from '../../domain/engine.ts';
import type { LayerFile } from '../../domain/images.ts';
import type { ImageRequest } from '../strategy.ts';
import { entrypointOf } from './config-layer.ts';
import { appDir } from './launcher.ts';
import type { BuildRecord, RecordedBuildpack } from './record.ts';
import type { RecordedLayer } from './recorded-layer.ts';

export interface ImageParts {
  readonly layers: readonly RecordedLayer[];
  /** The files of the layers that this build made, by path. */
  readonly files: ReadonlyMap<string, LayerFile>;
  readonly app: LayerFile;
  readonly config: LayerFile;
  readonly launch: BuildRecord['launch'];
  readonly labels: Readonly<Record<string, string>>;
  readonly group: readonly RecordedBuildpack[];
}

/**
 * Assembles the image: the run stack, the buildpacks' layers, the slices of the app, the rest of the app, and the
 * launcher. Throws `conflict` when the engine has lost a layer that this build did not make.
 */
export async function assembleImage(engine: Engine, parts: ImageParts, request: ImageRequest): Promise<string> {
  const { stack, tag } = request;
  const base = await engine.images.inspect(stack.runImageId);
  return await engine.images.assemble({
    base: stack.runImageId,
    layers: [
      ...parts.layers.map((layer) => parts.files.get(layer.tree.path) ?? { diffId: layer.diffId, path: null }),
      parts.app,
      parts.config,
    ],
    config: {
      env: [...(base?.config.env ?? []).filter((variable) => !variable.startsWith('HOME=')), `HOME=${appDir}`],
      entrypoint: [entrypointOf(parts.launch)],
      cmd: [],
      workingDir: appDir,
      user: appUser(request.app),
      labels: { ...parts.labels, ...specLabels(parts, request), ...request.labels },
    },
    tag,
  });
}

/** The labels that other platforms read (platform spec, "Labels"). */
function specLabels(parts: ImageParts, request: ImageRequest): Readonly<Record<string, string>> {
  const layersOf = (id: string) => `layers/${id.replaceAll('/', '_')}/`;
  const buildpacks = parts.group.map(({ id, version, layers }) => ({
    key: id,
    version,
    layers: Object.fromEntries(
      parts.layers
        .filter(({ tree }) => tree.path.startsWith(layersOf(id)))
        .map(({ tree, diffId }) => {
          const name = tree.path.slice(layersOf(id).length);
          return [name, { sha: diffId, launch: true, build: false, cache: layers[name]?.cache ?? false }];
        }),
    ),
  }));
  return {
    'io.buildpacks.lifecycle.metadata': JSON.stringify({
      app: [{ sha: parts.app.diffId }],
      config: { sha: parts.config.diffId },
      buildpacks,
      runImage: { reference: request.stack.runImageId },
    }),
    'io.buildpacks.build.metadata': JSON.stringify({
      buildpacks: parts.group.map(({ id, version }) => ({ id, version })),
      processes: parts.launch.processes.map(({ type }) => ({ type })),
    }),
  };
}
