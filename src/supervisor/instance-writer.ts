import { platformActor } from '../domain/actor.ts';
import { type EventFacts, type EventKind, eventOf, instanceFacts, type NewEvent } from '../domain/event.ts';
import { type Instance, releaseOf } from '../domain/instance.ts';
import type { Store, StoreTables } from '../domain/store.ts';

/** What a supervisor tells of the state of an instance. */
export type StateKind =
  | 'instance.starting'
  | 'instance.up'
  | 'instance.draining'
  | 'instance.stopped'
  | 'instance.crashed'
  | 'instance.refused'
  | 'run.ended';

/** What is written of an instance's state, as the supervisor saw it. */
export type Seen = Parameters<Store['instances']['observe']>[1];

/** What never changes of what an instance runs. */
interface Program {
  /** Of the release; null for a service. */
  readonly version: number | null;
  /** As people see it. */
  readonly command: string | null;
}

/** Writes what becomes of one instance, each step with its event. */
export class InstanceWriter {
  readonly #store: Store;
  readonly #id: string;
  #program: Program | null = null;

  constructor(store: Store, id: string) {
    this.#store = store;
    this.#id = id;
  }

  /** What was seen, and the event of it. Throws `not_found` when the app was destroyed meanwhile. */
  observed(seen: Seen, kind: StateKind): Promise<Instance> {
    return this.#store.transaction(async (tables) => {
      const row = await tables.instances.observe(this.#id, seen);
      await tables.events.append(stateEvent(kind, row, await this.#programOf(tables, row)));
      return row;
    });
  }

  /** One of its processes was killed for its memory, and it goes on. */
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

  /** A release is unsealed to be read; once is enough. */
  async #programOf(tables: StoreTables, instance: Instance): Promise<Program> {
    if (this.#program) return this.#program;
    const releaseId = releaseOf(instance);
    const release = releaseId ? await tables.releases.find(releaseId) : null;
    const artifact = release?.artifactId ? await tables.artifacts.find(release.artifactId) : null;
    const command = artifact?.processes.find(({ type }) => type === instance.type)?.command ?? null;
    this.#program = { version: release?.version ?? null, command };
    return this.#program;
  }
}

function stateEvent(kind: StateKind, row: Instance, { version, command }: Program): NewEvent {
  const facts = instanceFacts(row, version);
  const { exitCode, reason, stopReason } = row;
  const told = <K extends EventKind>(what: K, data: EventFacts[K]) =>
    eventOf(what, platformActor, { appId: row.appId, data });
  switch (kind) {
    case 'instance.starting':
      return told(kind, { ...facts, command });
    case 'instance.up':
      return told(kind, facts);
    case 'instance.draining':
      return told(kind, { ...facts, stopReason });
    case 'instance.stopped':
    case 'run.ended':
      return told(kind, { ...facts, exitCode, reason, stopReason });
    case 'instance.crashed':
      return told(kind, { ...facts, exitCode, reason, stopReason, from: row.upAt === null ? 'starting' : 'up' });
    case 'instance.refused':
      return told(kind, { ...facts, reason: reason ?? 'Could not be started' });
  }
}
