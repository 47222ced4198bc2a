import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Actor } from '../domain/actor.ts';
import { PlatformError } from '../domain/errors.ts';
import { FairShare } from '../system/fair-share.ts';
import type { Logger } from '../system/logger.ts';
import type { Authenticator } from './authenticate.ts';
import { clientOf } from './client-address.ts';
import type { EntranceLimits } from './entrance-limits.ts';
import { closeUnlessRead, hasUnreadBody } from './linger.ts';
import { SlowExchanges } from './slow-exchanges.ts';
import { Strangers } from './strangers.ts';

export interface EntranceDeps {
  readonly authenticator: Authenticator;
  readonly logger: Logger;
  readonly limits: EntranceLimits;
}

/** What an account's request takes beside its connection. `body`: memory for a body that is read as a whole. */
export type Needs = 'connection' | 'body';

/** Node gives out all requests that a connection has sent, whether or not the first was answered. No client sends so many. */
const maxPipelined = 64;

/**
 * Who comes in, for the API and git. A request is a stranger's until its token was checked, and what strangers can take
 * is small and their own. Accounts share the rest, so that none can take all of it. Whoever sends or reads too slowly is
 * cut.
 */
export class Entrance {
  readonly #deps: EntranceDeps;
  readonly #places: FairShare;
  readonly #bodies: FairShare;
  readonly #pools = new WeakMap<Socket, Strangers>();
  /** Requests in progress of strangers, by client; of those from this machine by connection. */
  readonly #asking = new Map<string | Socket, number>();
  readonly #waiting = new WeakMap<IncomingMessage, () => void>();
  readonly #expecting = new WeakSet<IncomingMessage>();
  /** Their clients have too many in progress, unless these show a token. */
  readonly #crowded = new WeakSet<IncomingMessage>();
  /** Requests in progress on a connection. */
  readonly #pipelined = new WeakMap<Socket, number>();
  readonly #slow: SlowExchanges;

  constructor(deps: EntranceDeps) {
    this.#deps = deps;
    const { connections, strangers, bodies } = deps.limits;
    this.#places = new FairShare(connections - strangers);
    this.#bodies = new FairShare(bodies);
    this.#slow = new SlowExchanges(deps.limits);
  }

  /** Most connections of one server. Those that are being cut count until they are closed. */
  get maxConnections(): number {
    const { connections, strangers } = this.#deps.limits;
    return connections + strangers;
  }

  /** For each server: its accepted connections. */
  pool(): (socket: Socket) => void {
    const strangers = new Strangers(this.#deps.limits.strangers, this.#deps.logger);
    return (socket) => {
      this.#pools.set(socket, strangers);
      strangers.add(socket);
      socket.once('close', () => strangers.remove(socket));
    };
  }

  /**
   * For each request, before anything of its body is read. `expectsContinue`: the client sends the body when it gets 100
   * (RFC 9110 §10.1.1). False: the connection was cut, and nothing is to be answered.
   */
  begin(request: IncomingMessage, response: ServerResponse, expectsContinue: boolean): boolean {
    const { socket } = request;
    const pipelined = (this.#pipelined.get(socket) ?? 0) + 1;
    if (pipelined > maxPipelined) socket.destroy();
    if (socket.destroyed) return false;
    this.#pipelined.set(socket, pipelined);
    response.once('close', () => this.#pipelined.set(socket, (this.#pipelined.get(socket) ?? 1) - 1));
    closeUnlessRead(request, response);
    if (expectsContinue) this.#expecting.add(request);
    const key = clientOf(request) ?? request.socket;
    const count = (this.#asking.get(key) ?? 0) + 1;
    this.#asking.set(key, count);
    if (count > this.#deps.limits.strangersPerClient) this.#crowded.add(request);
    this.#waiting.set(request, () => {
      this.#waiting.delete(request);
      const left = (this.#asking.get(key) ?? 1) - 1;
      if (left > 0) this.#asking.set(key, left);
      else this.#asking.delete(key);
    });
    this.#slow.add(request, response);
    response.once('close', () => this.#waiting.get(request)?.());
    return true;
  }

  /** For a request that needs no token. Throws `rate_limited`: its client has too many without one in progress. */
  admitStranger(request: IncomingMessage): void {
    if (!this.#crowded.has(request)) return;
    throw new PlatformError('rate_limited', 'Too many requests without a token are in progress from your address.', {
      hint: 'Wait until some of them have ended.',
    });
  }

  /**
   * Who asks; null when nobody says so by a valid token. Throws `rate_limited`: too many wrong tokens came from there, or
   * the account has too many requests in progress.
   */
  async identify(request: IncomingMessage, response: ServerResponse, needs: Needs): Promise<Actor | null> {
    const { authenticator } = this.#deps;
    const { authorization } = request.headers;
    const likely = authenticator.likelyAccount(authorization);
    // An account with too many requests is refused without a look-up for each further one.
    if (likely !== null && !this.#places.hasRoom(likely)) throw this.#hasTooMany(likely);
    if (likely !== null && needs === 'body' && isLarge(request) && !this.#bodies.hasRoom(likely)) {
      throw this.#hasTooManyBodies(likely);
    }
    const actor = await authenticator.actorOf(authorization, clientOf(request));
    if (!actor) return null;
    this.admit(request, response, { accountId: actor.accountId, needs });
    if (this.#expecting.has(request) && !response.headersSent) response.writeContinue();
    return actor;
  }

  /** The request is the account's from now on. Throws `rate_limited`. */
  admit(
    request: IncomingMessage,
    response: ServerResponse,
    { accountId, needs }: { readonly accountId: string; readonly needs: Needs },
  ): void {
    const { socket } = request;
    const leave = this.#take(accountId);
    if (needs === 'body' && isLarge(request)) {
      const release = this.#bodies.take(accountId);
      if (!release) {
        leave();
        throw this.#hasTooManyBodies(accountId);
      }
      request.once('end', release).once('close', release);
    }
    this.#waiting.get(request)?.();
    this.#slow.known(request);
    const strangers = this.#pools.get(socket);
    strangers?.remove(socket);
    response.once('close', () => {
      leave();
      strangers?.add(socket);
    });
  }

  /** The connection, which speaks another protocol now, is the account's until it closes. Throws `rate_limited`. */
  admitConnection(socket: Socket, accountId: string): void {
    const leave = this.#take(accountId);
    this.#pools.get(socket)?.remove(socket);
    socket.once('close', leave);
  }

  close(): void {
    this.#slow.close();
  }

  #take(accountId: string): () => void {
    const leave = this.#places.take(accountId);
    if (leave) return leave;
    throw this.#hasTooMany(accountId);
  }

  #hasTooMany(accountId: string): PlatformError {
    return tooMany(`${this.#places.held(accountId)} requests of your account are in progress`);
  }

  #hasTooManyBodies(accountId: string): PlatformError {
    return tooMany(`${this.#bodies.held(accountId)} requests of your account are sending a large body`);
  }
}

function tooMany(what: string): PlatformError {
  return new PlatformError('rate_limited', `${what}, and other accounts need room too.`, {
    hint: 'Try again when some of them have ended.',
  });
}

/** Small bodies, as of nearly all requests, need no more memory than heads do. */
const smallBytes = 16 * 1024;

function isLarge(request: IncomingMessage): boolean {
  const { headers } = request;
  const isSmall = headers['transfer-encoding'] === undefined && Number(headers['content-length'] ?? 0) <= smallBytes;
  return hasUnreadBody(request) && !isSmall;
}
