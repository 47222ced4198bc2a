import type { Readable } from 'node:stream';
import type { BuildOutput } from './build.ts';
import type { Labels } from './labels.ts';
import type { PulledImage, RegistryTransfer } from './registry.ts';

export interface ImageState {
  /** The engine's own id, `sha256:…`; the artifact's digest. */
  readonly id: string;
  readonly tags: readonly string[];
  readonly labels: Labels;
  /** Uncompressed digests, base first. */
  readonly diffIds: readonly string[];
  readonly sizeBytes: number;
  readonly config: ImageConfig;
}

/** The runtime part of an OCI image configuration. */
export interface ImageConfig {
  readonly env?: readonly string[];
  readonly entrypoint?: readonly string[];
  readonly cmd?: readonly string[];
  readonly workingDir?: string;
  readonly user?: string;
  readonly exposedPorts?: readonly string[];
  readonly labels?: Labels;
  readonly stopSignal?: string;
  /** Instructions for an image that is built on this one. Read only. */
  readonly onBuild?: readonly string[];
}

/** One layer as a tar on disk, known by the SHA-256 of its uncompressed bytes. */
export interface LayerFile {
  readonly diffId: string;
  readonly path: string;
  readonly sizeBytes: number;
}

export interface AssembledImage {
  /** The base image. It must be in the engine. */
  readonly base: string;
  /** On top of the base, lowest first. `path: null` for a layer that the engine already has. */
  readonly layers: readonly (LayerFile | { readonly diffId: string; readonly path: null })[];
  readonly config: ImageConfig;
  readonly tag: string;
}

export interface EngineImages {
  /** By tag or id; null when there is none. */
  inspect(ref: string): Promise<ImageState | null>;
  list(labels: Labels): Promise<readonly ImageState[]>;
  /**
   * Puts layers on a base and returns the new image's id. Equal input gives an equal id. Sends only layers that the engine
   * lacks, in the form that its store needs (contracts/buildpacks.md §2.2a). Checks that the image is complete the first
   * time a base is used. Throws `conflict` with the diffId if the engine lacks a layer that has no file.
   */
  assemble(image: AssembledImage): Promise<string>;
  /** Makes an image of one layer from the tar of a root file system. */
  importRootfs(tar: Readable, tag: string, config: ImageConfig): Promise<string>;
  /** Builds a Dockerfile with the engine's BuildKit, which sets no limits. Throws `build_failed` for failures of the user's Dockerfile. */
  buildDockerfile(build: DockerfileBuild, signal: AbortSignal): Promise<string>;
  /**
   * Sends an image to the registry that its tag names and returns the manifest's digest. Throws `not_found` for an image
   * that the engine does not have, `unauthorized` for a wrong login, `forbidden`, `unavailable` for a registry that does not answer.
   * It has no deadline but the signal. Engine API 1.24.
   */
  push(ref: string, transfer: RegistryTransfer, signal: AbortSignal): Promise<string>;
  /** Fetches `REGISTRY/NAME:TAG` or `REGISTRY/NAME@DIGEST`. Throws as `push` does. Engine API 1.24. */
  pull(ref: string, transfer: RegistryTransfer, signal: AbortSignal): Promise<PulledImage>;
  /**
   * A tar of an image with all of its layers, as `docker save` writes it. A tag in `ref` is in the tar too. The stream ends
   * only when the tar is complete. Otherwise it fails with `not_found`, `unavailable` or `cancelled`. Engine API 1.24.
   */
  export(ref: string, signal: AbortSignal): Readable;
  /**
   * Loads a tar of `export`, with its tags, and returns the image ids, which are unchanged. Throws `invalid_params` for a
   * truncated or damaged tar. Takes at most an hour. Engine API 1.24.
   */
  import(tar: Readable, signal: AbortSignal): Promise<readonly string[]>;
  tag(id: string, tag: string): Promise<void>;
  /** Removes a tag or an image. An image in use stays; that is no error. */
  remove(ref: string): Promise<void>;
  /**
   * Removes entries of the Dockerfile build cache that were unused for `unusedForMs`, the longest unused first, until the
   * cache is no larger than `keepBytes`. Everyone who builds on the engine shares this cache.
   */
  trimBuildCache(limits: { readonly keepBytes: number; readonly unusedForMs: number }): Promise<void>;
}

export interface DockerfileBuild {
  /** Uncompressed tar. */
  readonly context: Readable;
  readonly dockerfile: string;
  readonly tag: string;
  readonly labels: Labels;
  readonly buildArgs: Readonly<Record<string, string>>;
  readonly target?: string;
  /** False runs every step again. Default true. */
  readonly reusesSteps?: boolean;
  readonly memoryBytes: number;
  readonly cpuShares: number;
  readonly output: BuildOutput;
}
