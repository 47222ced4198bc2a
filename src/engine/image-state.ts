import type { ImageConfig, ImageState } from '../domain/images.ts';
import type { Labels } from '../domain/labels.ts';

/** The runtime part of an image's configuration, as the engine and the OCI image spec write it. */
export interface WireConfig {
  readonly Env?: readonly string[] | null;
  readonly Entrypoint?: readonly string[] | null;
  readonly Cmd?: readonly string[] | null;
  readonly WorkingDir?: string;
  readonly User?: string;
  readonly ExposedPorts?: Readonly<Record<string, object>> | null;
  readonly Labels?: Labels | null;
  readonly StopSignal?: string;
  readonly OnBuild?: readonly string[] | null;
}

/** The parts that we read of `GET /images/{name}/json`. */
export interface InspectedImage {
  readonly Id: string;
  readonly RepoTags: readonly string[] | null;
  readonly Size: number;
  readonly Architecture: string;
  readonly Config: WireConfig | null;
  readonly RootFS: { readonly Layers?: readonly string[] | null };
}

export function toImageState(image: InspectedImage): ImageState {
  const config = image.Config ?? {};
  return {
    id: image.Id,
    tags: image.RepoTags ?? [],
    labels: config.Labels ?? {},
    diffIds: image.RootFS.Layers ?? [],
    sizeBytes: image.Size,
    config: fromWireConfig(config),
  };
}

export function toWireConfig(config: ImageConfig): WireConfig {
  return {
    ...(config.env === undefined ? {} : { Env: config.env }),
    ...(config.entrypoint === undefined ? {} : { Entrypoint: config.entrypoint }),
    ...(config.cmd === undefined ? {} : { Cmd: config.cmd }),
    ...(config.workingDir === undefined ? {} : { WorkingDir: config.workingDir }),
    ...(config.user === undefined ? {} : { User: config.user }),
    ...(config.exposedPorts === undefined
      ? {}
      : { ExposedPorts: Object.fromEntries(config.exposedPorts.toSorted().map((port) => [port, {}])) }),
    ...(config.labels === undefined ? {} : { Labels: sorted(config.labels) }),
    ...(config.stopSignal === undefined ? {} : { StopSignal: config.stopSignal }),
  };
}

function fromWireConfig(config: WireConfig): ImageConfig {
  const ports = Object.keys(config.ExposedPorts ?? {});
  return {
    ...(config.Env?.length ? { env: config.Env } : {}),
    ...(config.Entrypoint?.length ? { entrypoint: config.Entrypoint } : {}),
    ...(config.Cmd?.length ? { cmd: config.Cmd } : {}),
    ...(config.WorkingDir ? { workingDir: config.WorkingDir } : {}),
    ...(config.User ? { user: config.User } : {}),
    ...(ports.length > 0 ? { exposedPorts: ports } : {}),
    ...(config.Labels && Object.keys(config.Labels).length > 0 ? { labels: config.Labels } : {}),
    ...(config.StopSignal ? { stopSignal: config.StopSignal } : {}),
    ...(config.OnBuild?.length ? { onBuild: config.OnBuild } : {}),
  };
}

/** Sorted, so that equal values in another sequence give the same image. */
function sorted(labels: Labels): Labels {
  return Object.fromEntries(Object.entries(labels).toSorted(([a], [b]) => (a < b ? -1 : 1)));
}
