import type { App } from '../domain/app.ts';
import type { ContainerOnHost } from '../domain/containers.ts';
import type { Engine } from '../domain/engine.ts';
import type { HostHands } from '../domain/host-hands.ts';
import type { Instance } from '../domain/instance.ts';
import type { Store } from '../domain/store.ts';
import type { Clock } from '../system/clock.ts';
import type { Logger } from '../system/logger.ts';
import type { Terminals } from './terminals.ts';

export interface LifeDeps {
  /** The engine of the instance's host. */
  readonly engine: Engine;
  /** The hands on the instance's host. */
  readonly hands: Pick<HostHands, 'answers'>;
  readonly store: Store;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly terminals: Terminals;
  readonly platformId: string;
  readonly settings: LifeSettings;
  readonly drainer: Drainer;
  /** Makes the app's network on the host again if somebody removed it. */
  readonly ensureNetwork: (app: Pick<App, 'id'>, hostId: string) => Promise<void>;
  readonly logs: InstanceLogs;
}

export interface LifeSettings {
  readonly bootTimeoutMs: number;
  readonly stopGraceMs: number;
  readonly drainMs: number;
  readonly cloudletMemoryBytes: number;
  readonly cloudletCpuMhz: number;
  readonly appTerminals: number;
}

/** Ends the requests of an instance that is to stop. */
export interface Drainer {
  /** Resolves when the instance has no request in flight and gets no more, or after `timeoutMs`. */
  drain(instance: Instance, timeoutMs: number, signal: AbortSignal): Promise<void>;
}

/** Collects the output of instances. */
export interface InstanceLogs {
  /** `release` is the version of its release; null for an instance of a service. */
  watch(instance: Instance, containerId: string, release: number | null): void;
  /** Resolves when all output of the container is in the app's log, or after a short time. */
  finished(container: ContainerOnHost): Promise<void>;
}
