import { PlatformError } from '../domain/errors.ts';
import type { Operations } from '../domain/operations.ts';

/** The half that leads, as the doors use it. */
export interface Leader {
  readonly operations: Operations;
  /** Why containers could reach that host's ports; null when they cannot. */
  firewall(hostId: string): string | null;
}

/** A change of leader on one host takes less. */
const leaderWaitMs = 10_000;

/** Gives the doors the operations of the leader, and lets calls of them wait while there is none. */
export class Leadership {
  readonly #closing = new AbortController();
  #leader: Leader | null = null;
  #taken = Promise.withResolvers<void>();

  get leader(): Leader | null {
    return this.#leader;
  }

  take(leader: Leader): void {
    this.#leader = leader;
    this.#taken.resolve();
  }

  leave(): void {
    if (!this.#leader) return;
    this.#leader = null;
    this.#taken = Promise.withResolvers();
  }

  /** Operations that wait for a leader throw `unavailable` at once. */
  close(): void {
    this.#closing.abort();
  }

  /**
   * Each is performed by the leader at the time of the call. Throws `unavailable` when there is none within the wait.
   */
  readonly operations: Operations = {
    createApp: async (...given) => (await this.#current()).createApp(...given),
    renameApp: async (...given) => (await this.#current()).renameApp(...given),
    setMaintenance: async (...given) => (await this.#current()).setMaintenance(...given),
    purgeBuildCache: async (...given) => (await this.#current()).purgeBuildCache(...given),
    destroyApp: async (...given) => (await this.#current()).destroyApp(...given),
    deployPush: async (...given) => (await this.#current(given[2])).deployPush(...given),
    changeConfig: async (...given) => (await this.#current()).changeConfig(...given),
    rollback: async (...given) => (await this.#current()).rollback(...given),
    scale: async (...given) => (await this.#current()).scale(...given),
    restart: async (...given) => (await this.#current()).restart(...given),
    stop: async (...given) => (await this.#current()).stop(...given),
    addDomain: async (...given) => (await this.#current()).addDomain(...given),
    removeDomain: async (...given) => (await this.#current()).removeDomain(...given),
    allowName: async (...given) => (await this.#current()).allowName(...given),
    disallowName: async (...given) => (await this.#current()).disallowName(...given),
    releaseName: async (...given) => (await this.#current()).releaseName(...given),
    allowNetwork: async (...given) => (await this.#current()).allowNetwork(...given),
    denyNetwork: async (...given) => (await this.#current()).denyNetwork(...given),
    createToken: async (...given) => (await this.#current()).createToken(...given),
    revokeToken: async (...given) => (await this.#current()).revokeToken(...given),
    run: async (...given) => (await this.#current()).run(...given),
    attachRun: async (...given) => (await this.#current(given[2])).attachRun(...given),
  };

  async #current(caller?: AbortSignal): Promise<Operations> {
    if (!this.#leader) await this.#leaderTaken(caller);
    if (this.#leader) return this.#leader.operations;
    throw noLeader();
  }

  #leaderTaken(caller?: AbortSignal): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const over = AbortSignal.any([this.#closing.signal, ...(caller ? [caller] : [])]);
    const give = () => reject(caller?.reason instanceof PlatformError ? caller.reason : noLeader());
    if (over.aborted) give();
    const timer = setTimeout(give, leaderWaitMs);
    over.addEventListener('abort', give, { once: true });
    this.#taken.promise.then(resolve);
    return promise.finally(() => {
      clearTimeout(timer);
      over.removeEventListener('abort', give);
    });
  }
}

function noLeader(): PlatformError {
  return new PlatformError('unavailable', 'The platform is starting or stopping, and changes nothing at the moment.', {
    hint: 'Try again in a few seconds. See: paas doctor',
  });
}
