import type { ContainerOnHost, Engine } from '../domain/engine.ts';
import type { HostHands } from '../domain/host-hands.ts';
import type { Instance } from '../domain/instance.ts';
import type { Store } from '../domain/store.ts';
import type { Clock } from '../system/clock.ts';
import type { Logger } from '../system/logger.ts';
import type { Terminals } from './terminals.ts';

/** What a life needs of the house. */
export interface LifeDeps {
  /** Of the instance's host. */
  readonly engine: Engine;
  /** On the instance's host. */
  readonly hands: Pick<HostHands, 'answers'>;
  readonly store: Store;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly terminals: Terminals;
  readonly platformId: string;
  readonly settings: LifeSettings;
  readonly drainer: Drainer;
  readonly logs: InstanceLogs;
}

export interface LifeSettings {
  readonly bootTimeoutMs: number;
  readonly stopGraceMs: number;
  readonly drainMs: number;
  readonly cloudletMemoryBytes: number;
  readonly cloudletCpuMhz: number;
}

/** What a retiring instance asks of whoever sends it requests. */
export interface Drainer {
  /** Resolves when no request is in flight on the instance and none will come, or after `timeoutMs`. */
  drain(instance: Instance, timeoutMs: number, signal: AbortSignal): Promise<void>;
}

/** What an instance's output is handed to. */
export interface InstanceLogs {
  /** `release`: its version; null for an instance of a service. */
  watch(instance: Instance, containerId: string, release: number | null): void;
  /** Resolves when all that the container wrote is in the app's log, or after a short while. */
  finished(container: ContainerOnHost): Promise<void>;
}
