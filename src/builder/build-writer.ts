import type { Actor } from '../domain/actor.ts';
import type { Artifact, Build } from '../domain/build.ts';
import type { BuildRequest } from '../domain/builder.ts';
import { errorCode, publicMessage } from '../domain/errors.ts';
import { eventOf } from '../domain/event.ts';
import type { Artifacts, Store, StoreTables } from '../domain/store.ts';
import type { Logger } from '../system/logger.ts';

export type NewArtifact = Parameters<Artifacts['create']>[0];

/** Writes that the build has begun. Runs in the transaction that found its worker free. */
export async function started(
  tables: StoreTables,
  build: Build,
  { worker, actor }: { readonly worker: number; readonly actor: Actor },
): Promise<void> {
  await tables.builds.update(build.id, { state: 'building', worker, startedAt: new Date() });
  await append(tables, 'build.started', { build, actor });
}

/** Writes the rows of builds and artifacts, and the event of each change in the same transaction. */
export class BuildWriter {
  readonly #store: Store;
  readonly #logger: Logger;

  constructor(store: Store, logger: Logger) {
    this.#store = store;
    this.#logger = logger;
  }

  async queued({ app, pushId, source, actor }: BuildRequest): Promise<Build> {
    return await this.#store.transaction(async (tables) => {
      const { commit, treeId } = source;
      const build = await tables.builds.create({ appId: app.id, pushId, commit, treeId });
      await append(tables, 'build.queued', { build, actor });
      return build;
    });
  }

  /** The build succeeded with an artifact that existed before. */
  async reused(build: Build, artifact: Artifact, actor: Actor): Promise<Build> {
    const now = new Date();
    return await this.#store.transaction(async (tables) => {
      await append(tables, 'build.succeeded', { build, actor });
      const changes = { state: 'succeeded', artifactId: artifact.id, startedAt: now, endedAt: now } as const;
      return await tables.builds.update(build.id, changes);
    });
  }

  async succeeded(
    build: Build,
    made: NewArtifact,
    actor: Actor,
  ): Promise<{ readonly build: Build; readonly artifact: Artifact }> {
    return await this.#store.transaction(async (tables) => {
      const artifact = await tables.artifacts.create(made);
      await append(tables, 'build.succeeded', { build, actor });
      const changes = { state: 'succeeded', artifactId: artifact.id, endedAt: new Date() } as const;
      return { artifact, build: await tables.builds.update(build.id, changes) };
    });
  }

  /** Never throws, because the pusher must get the build's own error. */
  async failed(build: Build, error: unknown, actor: Actor): Promise<void> {
    const cancelled = errorCode(error) === 'cancelled';
    const reason = publicMessage(error);
    if (errorCode(error) === 'internal')
      this.#logger.error('a build broke', { error, buildId: build.id, appId: build.appId });
    try {
      await this.#store.transaction(async (tables) => {
        const state = cancelled ? 'cancelled' : 'failed';
        await tables.builds.update(build.id, { state, reason, endedAt: new Date() });
        const kind = cancelled ? 'build.cancelled' : 'build.failed';
        const data = { buildId: build.id, reason };
        await tables.events.append(eventOf(kind, actor, { appId: build.appId, data }));
      });
    } catch (second) {
      // The app may have been deleted meanwhile, and the build's row with it.
      this.#logger.warn('the end of a build could not be recorded', { error: second, buildId: build.id });
    }
  }
}

async function append(
  tables: StoreTables,
  kind: 'build.queued' | 'build.started' | 'build.succeeded',
  { build, actor }: { readonly build: Build; readonly actor: Actor },
): Promise<void> {
  await tables.events.append(eventOf(kind, actor, { appId: build.appId, data: { buildId: build.id } }));
}
