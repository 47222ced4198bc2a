import { platformActor } from '../domain/actor.ts';
import { type EventFacts, type EventKind, eventOf, instanceFacts, type NewEvent } from '../domain/event.ts';
import { type Instance, releaseOf } from '../domain/instance.ts';
import { defaultStopSignal, signalName } from '../domain/stop-signal.ts';
import type { Store, StoreTables } from '../domain/store.ts';
import { portsOf } from './container-spec.ts';
import { stopSignalOf } from './stop-signal-of.ts';

/** The events of an instance's states. */
export type StateKind =
  | 'instance.starting'
  | 'instance.up'
  | 'instance.draining'
  | 'instance.stopped'
  | 'instance.crashed'
  | 'instance.refused'
  | 'run.ended';

/** The observed columns of an instance. */
export type Observed = Parameters<Store['instances']['observe']>[1];

/** What an instance runs. It never changes. */
interface Program {
  /** The version of the release; null for a service. */
  readonly version: number | null;
  /** The command line of the process type; null when the image decides. */
  readonly command: string | null;
  /** The name of the signal that asks it to end. */
  readonly stopSignal: string;
  /** Where it may serve, the preferred port first. */
  readonly ports: readonly number[];
}

/** Writes the states of one instance, each with its event in the same transaction. */
export class InstanceWriter {
  readonly #store: Store;
  readonly #id: string;
  #program: Program | null = null;

  constructor(store: Store, id: string) {
    this.#store = store;
    this.#id = id;
  }

  /** Writes an observation and its event. Throws `not_found` when the app was destroyed meanwhile. */
  observed(observation: Observed, kind: StateKind): Promise<Instance> {
    return this.#store.transaction(async (tables) => {
      const row = await tables.instances.observe(this.#id, observation);
      await tables.events.append(stateEvent(kind, row, await this.#programOf(tables, row)));
      return row;
    });
  }

  /** Writes the event of a process that was killed for its memory, while the instance runs on. */
  async ranOutOfMemory(reason: string): Promise<void> {
    await this.#store.transaction(async (tables) => {
      const row = await tables.instances.find(this.#id);
      if (!row) return;
      const { version } = await this.#programOf(tables, row);
      const data = { ...instanceFacts(row, version), reason };
      await tables.events.append(eventOf('instance.out_of_memory', platformActor, { appId: row.appId, data }));
    });
  }

  /** The version of the release that it runs; null for an instance of a service. */
  async version(row: Instance): Promise<number | null> {
    return (await this.#programOf(this.#store, row)).version;
  }

  program(row: Instance): Promise<Program> {
    return this.#programOf(this.#store, row);
  }

  /** Read once, because reading a release decrypts its config. */
  async #programOf(tables: StoreTables, instance: Instance): Promise<Program> {
    if (this.#program) return this.#program;
    const releaseId = releaseOf(instance);
    const release = releaseId ? await tables.releases.find(releaseId) : null;
    const artifact = release?.artifactId ? await tables.artifacts.find(release.artifactId) : null;
    const command = artifact?.processes.find(({ type }) => type === instance.type)?.command ?? null;
    const stopSignal = signalName(artifact ? stopSignalOf(instance, artifact) : defaultStopSignal);
    this.#program = {
      version: release?.version ?? null,
      command,
      stopSignal,
      ports: artifact ? portsOf(instance, artifact) : [],
    };
    return this.#program;
  }
}

function stateEvent(kind: StateKind, row: Instance, { version, command, stopSignal }: Program): NewEvent {
  const facts = instanceFacts(row, version);
  const { exitCode, reason, stopReason } = row;
  const event = <K extends EventKind>(of: K, data: EventFacts[K]) =>
    eventOf(of, platformActor, { appId: row.appId, data });
  switch (kind) {
    case 'instance.starting':
      return event(kind, { ...facts, command });
    case 'instance.up':
      return event(kind, facts);
    case 'instance.draining':
      return event(kind, { ...facts, stopReason, signal: stopSignal });
    case 'instance.stopped':
    case 'run.ended':
      return event(kind, { ...facts, exitCode, reason, stopReason });
    case 'instance.crashed':
      return event(kind, { ...facts, exitCode, reason, stopReason, from: row.upAt === null ? 'starting' : 'up' });
    case 'instance.refused':
      return event(kind, { ...facts, reason: reason ?? 'Could not be started' });
  }
}
