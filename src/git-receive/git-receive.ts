import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { paths, type Settings } from '../config/settings.ts';
import type { Actor } from '../domain/actor.ts';
import type { App } from '../domain/app.ts';
import type { SourceOf } from '../domain/builder.ts';
import { PlatformError } from '../domain/errors.ts';
import type { Leases } from '../domain/leases.ts';
import type { Operations } from '../domain/operations.ts';
import type { Store } from '../domain/store.ts';
import type { Logger } from '../system/logger.ts';
import { gitUser } from './git-user.ts';
import { HookSocket } from './hook-socket.ts';
import { Housekeeping } from './housekeeping.ts';
import { HttpDoor } from './http-door.ts';
import { IncomingPushes } from './incoming-push.ts';
import { hasPrlimit, installForGit } from './install.ts';
import { judge } from './judge.ts';
import { defaultLimits, type GitLimits } from './limits.ts';
import { type GitSetup, Repository } from './repository.ts';
import { createRepositoryFiles, removeRepositoryFiles, sweep, sweepRepositoryFiles } from './repository-files.ts';
import { isGitHostname, isGitUrl } from './routes.ts';
import { hasCommit, openSourceTree } from './source-tree.ts';

export interface GitReceiveDeps {
  readonly settings: Pick<Settings, 'home' | 'domain'>;
  readonly store: Pick<Store, 'apps' | 'transaction'>;
  readonly operations: Pick<Operations, 'deployPush'>;
  readonly leases: Leases;
  /**
   * Who asks; null for a missing or wrong token. Called before anything of the body is read. Throws `rate_limited` when
   * there were too many wrong tokens, or the account has too many requests in progress.
   */
  readonly identify: (req: IncomingMessage, res: ServerResponse) => Promise<Actor | null>;
  /** Whether the actor may push to, and fetch from, the app. */
  readonly mayPush: (actor: Actor, app: App) => boolean;
  readonly logger: Logger;
  readonly limits?: Partial<GitLimits>;
}

/** Serves git clients: repositories, pushes, fetches. */
export interface GitReceive {
  /** True for every request to the hostname `git.<domain>`, and for git's own paths on other hostnames. */
  isGitRequest(req: IncomingMessage): boolean;
  /** Answers any git request. The HTTP server must have `requestTimeout` 0, because pushes wait for builds. */
  handle(req: IncomingMessage, res: ServerResponse): Promise<void>;
  /**
   * Prepares PAAS_HOME for git, removes what a crash left, and listens to the hooks. Call before the first `handle`.
   */
  listenHooks(): Promise<void>;
  createRepository(appId: string): Promise<void>;
  sourceOf: SourceOf;
  /** Ends the app's pushes first. May be called again. */
  removeRepository(appId: string): Promise<void>;
  /** Cancels every push that is not deployed yet, then closes the hooks' socket. */
  close(): Promise<void>;
}

const stopMs = 10_000;

export function createGitReceive(options: GitReceiveDeps): GitReceive {
  const { settings, store, operations, leases, identify, mayPush, logger } = options;
  const limits: GitLimits = { ...defaultLimits, ...options.limits };
  const { repos, hooks, runtime, hookSocket } = paths(settings.home);
  const user = gitUser();
  const setup: GitSetup = { repos, hooks, runtime, hookSocket, user, limits, prlimit: hasPrlimit() };
  const pushes: IncomingPushes = new IncomingPushes((push, hook) => {
    const pushesTo = (appId: string) => pushes.ofApp(appId);
    return judge(push, hook, { store, operations, leases, pushesTo, limits, logger });
  });
  const socket = new HookSocket({ path: hookSocket, listener: pushes, logger });
  const housekeeping = new Housekeeping({ logger, repositoryBytes: limits.repositoryBytes });

  async function open(app: Pick<App, 'id'>): Promise<Repository> {
    const repository = new Repository(setup, app.id);
    await createRepositoryFiles(repository.path, user);
    return repository;
  }

  /** After the last push to a repository, what killed git processes left is removed. The next push waits for that. */
  const sweeps = new Map<string, Promise<unknown>>();
  async function tidyUp(repository: Repository): Promise<void> {
    if (pushes.ofApp(repository.id).length > 0 || housekeeping.isTidying(repository)) return;
    const sweeping = sweepRepositoryFiles(repository.path);
    const ended = sweeping.catch(() => {});
    sweeps.set(repository.id, ended);
    await ended;
    if (sweeps.get(repository.id) === ended) sweeps.delete(repository.id);
    await sweeping;
    await housekeeping.consider(repository);
  }

  const door = new HttpDoor({
    store,
    identify,
    mayPush,
    pushes,
    open,
    beforePush: async (repository) => void (await sweeps.get(repository.id)),
    afterPush: (repository) => {
      tidyUp(repository).catch((error: unknown) => logger.warn('Tidying up after a push failed', { error }));
    },
    limits,
    logger,
  });

  /** Cancels pushes. Resolves when their git processes have ended, or after 10 s. */
  async function endPushes(
    which: () => readonly { cancel(reason: PlatformError): void }[],
    why: string,
  ): Promise<void> {
    for (const push of which()) push.cancel(new PlatformError('cancelled', why));
    const end = performance.now() + stopMs;
    while (which().length > 0 && performance.now() < end) await delay(20);
  }

  return {
    isGitRequest: (req) => isGitHostname(req.headers.host, settings.domain) || isGitUrl(req.url ?? ''),
    handle: (req, res) => door.handle(req, res),
    async listenHooks() {
      if (!setup.prlimit) logger.warn('prlimit is missing, so the memory of git processes is not limited');
      if (await installForGit(settings.home, user))
        logger.warn('The shared git hook differed from ours and was replaced');
      await sweep(repos);
      await socket.listen(user);
    },
    async createRepository(appId) {
      await open({ id: appId });
    },
    async sourceOf({ appId, commit }, signal) {
      const repository = new Repository(setup, appId);
      if (!(await hasCommit(repository, commit, signal))) return null;
      return openSourceTree(repository, commit, { limits, signal });
    },
    async removeRepository(appId) {
      await endPushes(() => pushes.ofApp(appId), 'The app is being destroyed.');
      await removeRepositoryFiles(new Repository(setup, appId).path);
    },
    async close() {
      await endPushes(() => pushes.all(), 'The platform is stopping. Push again when it is back.');
      await housekeeping.close();
      await socket.close();
    },
  };
}
