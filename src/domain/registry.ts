/** Who pushes or pulls, in the registry's eyes. */
export interface RegistryAuth {
  readonly username: string;
  readonly password: string;
}

export interface RegistryTransfer {
  /** Without it: as anybody. */
  readonly auth?: RegistryAuth;
  /** Hears what the engine says, a line at a time, each stage of a layer once. */
  readonly onLine?: (line: string) => void;
}

export interface PulledImage {
  /** The engine's own id. */
  readonly id: string;
  /** Of the manifest that the registry gave, `sha256:…`. */
  readonly digest: string;
}
