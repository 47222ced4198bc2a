import type { Block } from './subnets.ts';

/** What is done on a host beside its engine. Callers that must not wait give a signal; all else ends by itself. */
export interface HostHands {
  /** Whether something listens there, seen from the host: one attempt, of a second at most. Throws the signal's reason. */
  answers(target: { readonly address: string; readonly port: number }, signal: AbortSignal): Promise<boolean>;
  /**
   * Puts the rules in place, or back in place. Call it again and again: a firewall that others reload forgets them. New
   * networks of the platform are covered without a call. Never throws: says why it cannot be done.
   */
  applyFirewall(rules: FirewallRules): Promise<FirewallState>;
  /** Takes the platform's rules away. May be called when there are none. */
  removeFirewall(platformId: string): Promise<void>;
  /**
   * Limits the memory and the processes of the steps of Dockerfiles until it is disposed of. May be held several times at
   * once. Never throws: says why it cannot be done.
   */
  brakeSteps(): Promise<StepBrake>;
  /** The disks that the platform writes to. The engine's is absent while the engine does not say where its data is. */
  disks(): Promise<readonly HostDisk[]>;
  /** How busy the host is now, all of its programs together. */
  load(): Promise<HostLoad>;
  /** What the host has routes to, but for the default route: a network of ours there would cut it off. */
  routes(): Promise<readonly Block[]>;
}

/** By a host's id. Throws `not_found` for a host that is not known. */
export type HandsOn = (hostId: string) => HostHands;

/** What the hands must know of their host's engine, as the engine reports it. */
export interface EngineOnHost {
  /** False when the engine is on another machine than the hands, as far as can be known. */
  readonly isHere: boolean;
  /** The folder of its images, containers and volumes. */
  readonly dataRoot: string;
  readonly cgroupVersion: 1 | 2;
  /** `cgroupfs` or `systemd`. */
  readonly cgroupDriver: string;
  readonly memoryBytes: number;
  /** The interface of the engine's own bridge, where steps of Dockerfiles run; null when it is set to have none. */
  readonly bridge: string | null;
}

export interface FirewallRules {
  readonly platformId: string;
  /** Whether the engine has networks of the platform: then their bridges must be in the hands' network namespace. */
  readonly hasNetworks: boolean;
  /**
   * Keeps steps of Dockerfiles from link-local addresses (cloud metadata), and from nothing else: others have containers on
   * the engine's own bridge. False leaves that bridge alone.
   */
  readonly closeMetadata: boolean;
}

export type FirewallState =
  | { readonly applied: true }
  /** What a person must know, as a whole sentence for `doctor`. */
  | { readonly applied: false; readonly reason: string };

export interface StepBrake extends Disposable {
  readonly applied: boolean;
  /** For `doctor`: what the steps are held to, or why they are not. */
  readonly message: string;
}

export interface HostDisk {
  /** `home`: PAAS_HOME, on the host that the platform runs on. `engine`: images, containers and volumes. */
  readonly holds: 'home' | 'engine';
  readonly path: string;
  /** Null where the path cannot be looked at: by a user without the right, or on another machine. */
  readonly space: DiskSpace | null;
}

export interface DiskSpace {
  /** What a user without privileges may still write. */
  readonly freeBytes: number;
  readonly totalBytes: number;
}

export interface HostLoad {
  /** Processes that run or wait, averaged over 1, 5 and 15 minutes. */
  readonly averages: readonly [number, number, number];
  readonly cpus: number;
  /** What programs may still take without swapping. */
  readonly freeMemoryBytes: number;
  readonly memoryBytes: number;
}
