import type { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import type { RequestLimits } from '../config/request-limits.ts';
import { clientsIn, isOwnAddress } from './client-of.ts';
import { Counts } from './counts.ts';
import type { PageFacts } from './error-pages.ts';
import type { Destination } from './live-routes.ts';
import { OpenConnections } from './open-connections.ts';
import type { TrustedProxies } from './trusted-proxies.ts';

/** A request that is refused because too much is under way. `limit` names it for the log. */
export interface TooMuch extends Pick<PageFacts, 'status' | 'title' | 'text'> {
  readonly limit: string;
}

export interface AdmissionDeps {
  readonly proxies: TrustedProxies;
  readonly limits: RequestLimits;
  /** The range that the apps' networks are cut from. */
  readonly networkPool: string;
}

/** A request whose head was read. `over` emits `close` at its end. */
export interface Arrival {
  readonly socket: Socket;
  readonly over: EventEmitter;
  readonly address: string;
  /** Undefined for a hostname that no app has. */
  readonly destination: Destination | undefined;
}

/** What a request was counted as. */
interface Taken {
  readonly socket: Socket;
  client: string | null;
  /** Whether it counts as an open connection of the client too. */
  isOpen: boolean;
  appId: string | null;
  isUsed: boolean;
}

/**
 * Decides which connections and requests are served, by what is under way: in all, of one client, of one app. A client behind
 * a trusted proxy has no connection of its own, so its requests are counted in place of connections; the proxy's own
 * connections and requests are not counted, because they are those of all its clients.
 */
export class Admission {
  readonly #proxies: TrustedProxies;
  readonly #limits: RequestLimits;
  readonly #clientOf: (address: string) => string;
  readonly #open: OpenConnections;
  readonly #clients = new WeakMap<Socket, string>();
  readonly #openPerClient = new Counts();
  readonly #requestsPerClient = new Counts();
  readonly #requestsPerApp = new Counts();

  constructor({ proxies, limits, networkPool }: AdmissionDeps) {
    this.#proxies = proxies;
    this.#limits = limits;
    this.#clientOf = clientsIn(networkPool);
    this.#open = new OpenConnections(limits.connections);
  }

  /** False when the connection must be closed. `address`: of its client. */
  connects(socket: Socket, address: string): boolean {
    if (this.#proxies.isShared(socket)) return this.#open.add(socket, null, false);
    const client = this.#clientOf(address);
    if (!this.#openPerClient.add(client, this.#limits.connectionsPerClient)) return false;
    socket.once('close', () => this.#openPerClient.remove(client));
    this.#clients.set(socket, client);
    const isOperator = isOwnAddress(address);
    return this.#open.add(socket, isOperator ? null : client, isOperator);
  }

  /** Counts the request until it is over. Not null, and nothing is counted, when it must be refused. */
  refuses(arrival: Arrival): TooMuch | null {
    const taken: Taken = { socket: arrival.socket, client: null, isOpen: false, appId: null, isUsed: false };
    const tooMuch = this.#take(arrival, taken);
    if (tooMuch) this.#giveBack(taken);
    else arrival.over.once('close', () => this.#giveBack(taken));
    return tooMuch;
  }

  #take({ socket, address, destination }: Arrival, taken: Taken): TooMuch | null {
    const { connectionsPerClient, requestsPerClient, requestsPerApp } = this.#limits;
    const own = this.#clients.get(socket);
    if (own !== undefined || !this.#proxies.trusts(address)) {
      const client = own ?? this.#clientOf(address);
      if (own === undefined && !this.#openPerClient.add(client, connectionsPerClient))
        return ofClient(connectionsPerClient, 'PAAS_CLIENT_CONNECTIONS');
      taken.isOpen = own === undefined;
      taken.client = client;
      if (!this.#requestsPerClient.add(client, requestsPerClient)) {
        if (taken.isOpen) this.#openPerClient.remove(client);
        taken.client = null;
        return ofClient(requestsPerClient, 'PAAS_CLIENT_REQUESTS');
      }
    }
    if (!destination) return null;
    const { appId } = destination;
    if (appId !== null && !this.#requestsPerApp.add(appId, requestsPerApp)) return ofApp(requestsPerApp);
    taken.appId = appId;
    taken.isUsed = this.#open.begin(socket, appId === null ? 'platform' : 'app');
    return taken.isUsed ? null : ofAll;
  }

  #giveBack({ socket, client, isOpen, appId, isUsed }: Taken): void {
    if (client !== null) {
      this.#requestsPerClient.remove(client);
      if (isOpen) this.#openPerClient.remove(client);
    }
    if (appId !== null) this.#requestsPerApp.remove(appId);
    if (isUsed) this.#open.end(socket);
  }
}

function ofClient(limit: number, setting: string): TooMuch {
  return {
    status: 429,
    title: 'Too many requests',
    text: 'Too many requests from your address are being answered already. Try again in a moment.',
    limit: `${limit} requests of one client in flight (${setting})`,
  };
}

function ofApp(limit: number): TooMuch {
  return {
    status: 503,
    title: 'This app is too busy',
    text: 'Too many requests to it are being answered already. Try again in a moment.',
    limit: `${limit} requests of one app in flight (PAAS_APP_REQUESTS)`,
  };
}

const ofAll: TooMuch = {
  status: 503,
  title: 'Too many connections',
  text: 'Too many requests are being answered here already. Try again in a moment.',
  limit: 'connections of all apps (PAAS_CONNECTIONS)',
};
