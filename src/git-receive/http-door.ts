import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { hasScope } from '../domain/access.ts';
import type { Actor } from '../domain/actor.ts';
import type { App } from '../domain/app.ts';
import { errorCode, publicMessage } from '../domain/errors.ts';
import type { Store } from '../domain/store.ts';
import { FairShare } from '../system/fair-share.ts';
import type { Logger } from '../system/logger.ts';
import { refuse } from './http-answer.ts';
import { IncomingPush, type IncomingPushes } from './incoming-push.ts';
import type { GitLimits } from './limits.ts';
import type { Repository } from './repository.ts';
import { type GitRoute, parseGitRoute } from './routes.ts';
import { serveAdvertisement, serveFetch } from './serve-fetch.ts';
import { servePush } from './serve-push.ts';

export interface HttpDoorDeps {
  readonly store: Pick<Store, 'apps'>;
  /**
   * Who asks; null for a missing or wrong token. Called before anything of the body is read. Throws `rate_limited` when
   * there were too many wrong tokens, or the account has too many requests in progress.
   */
  readonly identify: (req: IncomingMessage, res: ServerResponse) => Promise<Actor | null>;
  /** Whether the actor may push to, and fetch from, the app. */
  readonly mayPush: (actor: Actor, app: App) => boolean;
  readonly pushes: IncomingPushes;
  /** The app's repository. Makes it when it is missing. */
  readonly open: (app: App) => Promise<Repository>;
  /** Resolves when git may be started for a push. */
  readonly beforePush: (repository: Repository) => Promise<void>;
  readonly afterPush: (repository: Repository) => void;
  readonly limits: GitLimits;
  readonly logger: Logger;
}

/** With 2, one account alone can take two thirds of the places. */
const accountShare = 2;

interface GitExchange {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  readonly actor: Actor;
  readonly app: App;
  readonly requestId: string;
  readonly logger: Logger;
}

/**
 * git over HTTP (gitprotocol-http(5)). Starts git only after it has checked who asks, for which app, and whether they
 * may.
 */
export class HttpDoor {
  readonly #deps: HttpDoorDeps;
  /** Requests with a git process, by account. */
  readonly #places: FairShare;

  constructor(deps: HttpDoorDeps) {
    this.#deps = deps;
    this.#places = new FairShare(deps.limits.requests, accountShare);
  }

  /** Answers any request. Never rejects. */
  async handle(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const requestId = requestIdOf(req);
    const logger = this.#deps.logger.child({ requestId });
    res.on('error', () => {});
    try {
      await this.#answer(req, res, { requestId, logger });
    } catch (error) {
      if (res.destroyed) return;
      if (errorCode(error) === 'rate_limited') {
        return refuse(req, res, { status: 429, text: publicMessage(error), headers: { 'Retry-After': '60' } });
      }
      logger.error('A git request failed', { error });
      refuse(req, res, { status: 500, text: `Internal error. The platform's log has it under request ${requestId}.` });
    }
  }

  async #answer(
    req: IncomingMessage,
    res: ServerResponse,
    { requestId, logger }: { requestId: string; logger: Logger },
  ): Promise<void> {
    const { store, mayPush } = this.#deps;
    const known = await this.#deps.identify(req, res);
    if (!known) return refuseStranger(req, res);
    const route = parseGitRoute(req.url ?? '');
    if (!route) return refuse(req, res, { status: 404, text: 'Nothing is here. Push to: <app>.git' });
    const method = route.kind === 'advertise' ? 'GET' : 'POST';
    if (req.method !== method) {
      return refuse(req, res, { status: 405, text: `Only ${method}.`, headers: { Allow: method } });
    }
    const app = await store.apps.findByName(route.appName);
    // The same answer for an app that does not exist and for another account's app.
    if (!app || !mayPush(known, app)) {
      return refuse(req, res, { status: 404, text: `No app named ${route.appName}. See your apps: paas apps` });
    }
    if (route.service === 'git-receive-pack' && !hasScope(known, 'deploy')) {
      const text = 'This token may only read. For one that may push: paas tokens:create --scope deploy';
      return refuse(req, res, { status: 403, text });
    }
    const leave = this.#places.take(known.accountId);
    if (!leave) {
      const own = this.#places.held(known.accountId);
      const text = `${own} pushes and fetches of your account are under way, and others need room too. Try again in a minute.`;
      return refuse(req, res, { status: 503, text, headers: { 'Retry-After': '60' } });
    }
    try {
      const actor = { ...known, requestId };
      await this.#serve(route, { req, res, actor, app, requestId, logger: logger.child({ app: app.name }) });
    } finally {
      leave();
    }
  }

  async #serve(route: GitRoute, exchange: GitExchange): Promise<void> {
    const { req, res, app, logger } = exchange;
    const { limits } = this.#deps;
    const repository = await this.#deps.open(app);
    // `close` is not emitted again, so nothing may be awaited from here until the listener is added.
    if (res.destroyed) return;
    if (route.kind === 'advertise') {
      return await serveAdvertisement({ req, res, repository, limits, logger }, route.service);
    }
    if (req.headers['content-type'] !== `application/x-${route.service}-request`) {
      return refuse(req, res, { status: 415, text: `Only application/x-${route.service}-request.` });
    }
    if (route.service === 'git-upload-pack') return await serveFetch({ req, res, repository, limits, logger });
    await this.#push(exchange, repository);
  }

  async #push({ req, res, app, actor, requestId, logger }: GitExchange, repository: Repository): Promise<void> {
    const { pushes, limits, beforePush, afterPush } = this.#deps;
    await beforePush(repository);
    if (res.destroyed) return;
    const underWay = pushes.ofApp(app.id).length;
    if (underWay >= limits.pushesPerApp) {
      const text = `${underWay} pushes to ${app.name} are under way. Try again when they are done.`;
      return refuse(req, res, { status: 503, text, headers: { 'Retry-After': '60' } });
    }
    const push = new IncomingPush({ app, actor, requestId, repository });
    pushes.add(push);
    try {
      await servePush({ req, res, push, limits, logger });
    } finally {
      await pushes.remove(push);
      afterPush(repository);
    }
  }
}

function refuseStranger(req: IncomingMessage, res: ServerResponse): void {
  refuse(req, res, {
    status: 401,
    text: 'Log in to push: paas login. The password that git asks for is your token.',
    headers: { 'WWW-Authenticate': 'Basic realm="paas", charset="UTF-8"' },
  });
}

/** The resolver's id for this request, so that both logs show the same id. */
function requestIdOf(req: IncomingMessage): string {
  const given = req.headers['x-request-id'];
  return typeof given === 'string' && /^[A-Za-z0-9-]{8,64}$/.test(given) ? given : randomUUID();
}
