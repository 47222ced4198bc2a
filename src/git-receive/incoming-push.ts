import { randomBytes } from 'node:crypto';
import type { Actor } from '../domain/actor.ts';
import type { App } from '../domain/app.ts';
import { PlatformError } from '../domain/errors.ts';
import { deployRefs } from '../domain/push.ts';
import type { HookConnection, HookListener } from './hook-socket.ts';
import { PushHead } from './push-head.ts';
import type { RefUpdate } from './ref-update.ts';
import type { Repository } from './repository.ts';

/** Decides whether a push is accepted while its hook waits. Resolves to true when the refs may move. Never rejects. */
export type Judge = (push: IncomingPush, hook: HookConnection) => Promise<boolean>;

/** One `git receive-pack`, from the request until git has ended. */
export class IncomingPush {
  /** Its hook identifies itself with this, once. */
  readonly secret = randomBytes(32).toString('base64url');
  readonly app: App;
  readonly actor: Actor;
  readonly requestId: string;
  readonly repository: Repository;
  readonly head = new PushHead();
  /** The ref updates, when the hook has asked. */
  updates: readonly RefUpdate[] = [];
  /** Set when the hook has asked. */
  verdict: Promise<boolean> | null = null;
  readonly #abort = new AbortController();
  readonly #asked = Promise.withResolvers<void>();
  #atEnd: (() => void | Promise<void>)[] = [];

  constructor(facts: Pick<IncomingPush, 'app' | 'actor' | 'requestId' | 'repository'>) {
    this.app = facts.app;
    this.actor = facts.actor;
    this.requestId = facts.requestId;
    this.repository = facts.repository;
  }

  /**
   * Aborts when nobody waits for the outcome any more: the client or the hook is gone, the platform stops, or a
   * deadline passed.
   */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** Resolves when the hook has asked. git has then received and checked all objects. */
  get asked(): Promise<void> {
    return this.#asked.promise;
  }

  /** With `--atomic` and a deploy branch: that branch moves only together with the others. */
  get deploysAllOrNone(): boolean {
    return this.head.has('atomic') && this.updates.some(({ ref }) => deployRefs.has(ref));
  }

  cancel(reason: PlatformError): void {
    this.#abort.abort(reason);
  }

  judgedBy(verdict: Promise<boolean>): void {
    this.verdict = verdict;
    this.#asked.resolve();
  }

  /** Runs `release` when git has ended, the last added first. So a push keeps its lease until its ref has moved. */
  atEnd(release: () => void | Promise<void>): void {
    this.#atEnd.push(release);
  }

  /** Runs all of them, also when some fail. Then throws the first error. */
  async ended(): Promise<void> {
    const releases = this.#atEnd.reverse();
    this.#atEnd = [];
    const errors: unknown[] = [];
    for (const release of releases) {
      try {
        await release();
      } catch (error) {
        errors.push(error);
      }
    }
    if (errors.length > 0) throw errors[0];
  }
}

/** The pushes under way, found by their secret or by their app. */
export class IncomingPushes implements HookListener {
  readonly #bySecret = new Map<string, IncomingPush>();
  readonly #all = new Set<IncomingPush>();
  readonly #judge: Judge;

  constructor(judge: Judge) {
    this.#judge = judge;
  }

  add(push: IncomingPush): void {
    this.#all.add(push);
    this.#bySecret.set(push.secret, push);
  }

  /** Call when git has ended. */
  async remove(push: IncomingPush): Promise<void> {
    this.#bySecret.delete(push.secret);
    try {
      await push.ended();
    } finally {
      this.#all.delete(push);
    }
  }

  ofApp(appId: string): readonly IncomingPush[] {
    return [...this.#all].filter(({ app }) => app.id === appId);
  }

  all(): readonly IncomingPush[] {
    return [...this.#all];
  }

  ask(secret: string, hook: HookConnection): boolean {
    const push = this.#bySecret.get(secret);
    if (!push) return false;
    this.#bySecret.delete(secret);
    push.updates = hook.request.updates;
    hook.gone.addEventListener('abort', () => push.cancel(hook.gone.reason), { once: true });
    push.judgedBy(
      this.#judge(push, hook).then((accepted) => {
        hook.decide(accepted);
        return accepted;
      }),
    );
    return true;
  }
}

export function clientGone(): PlatformError {
  return new PlatformError('cancelled', 'The pushing client went away.');
}
