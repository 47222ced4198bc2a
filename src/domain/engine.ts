import type { EngineContainers } from './containers.ts';
import type { EngineImages } from './images.ts';
import type { Labels } from './labels.ts';
import type { EngineNetworks } from './networks.ts';
import type { EngineVolumes } from './volumes.ts';

/**
 * The container engine of one host. It has no vendor's type. Every call is idempotent: "already done" and "already gone"
 * are success. Every call ends: adapters set a deadline on each, and streams take a signal. Errors are PlatformErrors:
 * `not_found`, `conflict`, `unavailable` (no answer), `internal` with the engine's words.
 */
export interface Engine {
  info(): Promise<EngineInfo>;
  readonly containers: EngineContainers;
  readonly images: EngineImages;
  readonly networks: EngineNetworks;
  readonly volumes: EngineVolumes;
  /**
   * Events of containers that carry all `labels`, and `disconnect` of any container, from now until the signal aborts.
   * Throws `unavailable` when the connection breaks. Then list again and listen again.
   */
  events(labels: Labels, signal: AbortSignal): AsyncIterable<EngineEvent>;
}

export interface EngineInfo {
  /** "Docker 20.10.24" */
  readonly version: string;
  readonly apiVersion: string;
  /** `graph`: the classic layer store. `containerd`: the snapshotter store. Each needs its own form of a loaded image. */
  readonly imageStore: 'graph' | 'containerd';
  readonly liveRestore: boolean;
  readonly cpus: number;
  readonly memoryBytes: number;
  readonly architecture: 'amd64' | 'arm64';
}

export interface EngineEvent {
  /** `disconnect`: it left a network, also by its end. */
  readonly kind: 'start' | 'die' | 'oom' | 'destroy' | 'disconnect';
  readonly containerId: string;
  /** Empty in `disconnect`. */
  readonly labels: Labels;
  /** Set in `die` only. */
  readonly exitCode: number | null;
  readonly at: Date;
}
