import { platformActor } from '../domain/actor.ts';
import { type EventKind, eventOf } from '../domain/event.ts';
import { type Instance, processName, releaseOf } from '../domain/instance.ts';
import type { Store, StoreTables } from '../domain/store.ts';

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
export class InstanceRecord {
  readonly #store: Store;
  readonly #id: string;
  #program: Program | null = null;

  constructor(store: Store, id: string) {
    this.#store = store;
    this.#id = id;
  }

  /** What was seen, and the event of it. Throws `not_found` when the app was destroyed meanwhile. */
  observed(seen: Seen, kind: EventKind): Promise<Instance> {
    return this.#store.transaction(async (tables) => {
      const row = await tables.instances.observe(this.#id, seen);
      await this.#append(tables, { row, kind, reason: row.reason });
      return row;
    });
  }

  /** Something that changes no state. */
  async happened(kind: EventKind, reason: string): Promise<void> {
    await this.#store.transaction(async (tables) => {
      const row = await tables.instances.find(this.#id);
      if (row) await this.#append(tables, { row, kind, reason });
    });
  }

  /** The version of the release that it runs; null for an instance of a service. */
  async version(row: Instance): Promise<number | null> {
    return (await this.#programOf(this.#store, row)).version;
  }

  async #append(
    tables: StoreTables,
    { row, kind, reason }: { readonly row: Instance; readonly kind: EventKind; readonly reason: string | null },
  ): Promise<void> {
    const { version, command } = await this.#programOf(tables, row);
    const data = {
      instanceId: row.id,
      process: processName(row),
      release: version,
      exitCode: row.exitCode,
      reason,
      stopReason: row.stopReason,
      ...(kind === 'instance.starting' && command ? { command } : {}),
      ...(kind === 'instance.crashed' ? { from: row.upAt === null ? 'starting' : 'up' } : {}),
    };
    await tables.events.append(eventOf(kind, platformActor, { appId: row.appId, data }));
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
