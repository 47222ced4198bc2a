/** The login at a registry. */
export interface RegistryAuth {
  readonly username: string;
  readonly password: string;
}

export interface RegistryTransfer {
  /** Absent: without a login. */
  readonly auth?: RegistryAuth;
  /** Gets the engine's progress line by line, each stage of a layer once. */
  readonly onLine?: (line: string) => void;
}

export interface PulledImage {
  /** The image's id in the engine. */
  readonly id: string;
  /** The digest of the registry's manifest, `sha256:…`. */
  readonly digest: string;
}
