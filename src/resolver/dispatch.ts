import type { RouteState } from '../domain/route.ts';
import type { Connection } from './connections.ts';
import type { HCode } from './h-codes.ts';
import type { Destination, LiveRoutes } from './live-routes.ts';
import type { RequestEvents } from './request-events.ts';
import type { RequestHead } from './request-head.ts';
import type { Target } from './target.ts';
import type { Timing } from './timing.ts';

export interface DispatchDeps {
  readonly routes: LiveRoutes;
  readonly timing: Timing;
  readonly requestEvents: Pick<RequestEvents, 'heardSinceMs'>;
}

/**
 * The caller of a dispatch. One of the two is called once for each `next` or `again`, unless the dispatch is cancelled.
 * The target counts the request until `target.end()`.
 */
export interface DispatchListener {
  connected(connection: Connection, target: Target, destination: Destination): void;
  failed(code: HCode | 'unknown-host', destination: Destination | undefined): void;
}

const maxConnects = 10;

/** Failures to connect for reasons of this process, not of the instance: no file descriptor, port or memory left. */
const ownFailures: ReadonlySet<string> = new Set(['EMFILE', 'ENFILE', 'EADDRNOTAVAIL', 'ENOBUFS', 'ENOMEM']);

/**
 * Finds an open connection for one request: looks up the hostname, chooses an instance and connects. When that fails it
 * tries another instance, and when there is none it holds the request until there is one. All this happens before a
 * byte is sent, so it may be repeated for any request, a POST too.
 */
export class Dispatch {
  readonly #deps: DispatchDeps;
  readonly #head: RequestHead;
  readonly #listener: DispatchListener;
  #avoid: Set<Target> | null = null;
  #leaveHold: (() => void) | null = null;
  #heldSinceMs: number | null = null;
  #connects = 0;
  #lastFailure: 'H19' | 'H21' = 'H21';
  /** An instance got the request, and the connection was lost before an answer. */
  #wasSent = false;
  #cancelled = false;

  constructor(deps: DispatchDeps, head: RequestHead, listener: DispatchListener) {
    this.#deps = deps;
    this.#head = head;
    this.#listener = listener;
  }

  next(): void {
    const { routes } = this.#deps;
    const destination = routes.find(this.#head.hostname, this.#head.path);
    const nowMs = performance.now();
    if (!destination) this.#fail('unknown-host', destination);
    else if (destination.state === 'crashed') this.#awaitRestart(destination, nowMs);
    else {
      const code = downCode(destination.state);
      if (code) this.#fail(code, destination);
      else this.#choose(destination, nowMs);
    }
  }

  /**
   * The connection was lost before an answer, and the request may be sent again: over a new connection, and to another
   * instance where there is one. It is not held until an instance comes: the request may have killed the instance, and
   * must not kill its replacement too.
   */
  again(target: Target, wasUsed: boolean): void {
    this.#wasSent = true;
    if (!wasUsed) this.#avoidTarget(target);
    this.next();
  }

  /** The client has closed its connection. */
  cancel(): void {
    this.#cancelled = true;
    this.#stopHolding();
  }

  /** The request is held when the app is started again within the time for which it may be. */
  #awaitRestart(destination: Destination, nowMs: number): void {
    const { startsAtMs } = destination;
    const leftMs = this.#deps.timing.startingHoldMs - (nowMs - (this.#heldSinceMs ?? nowMs));
    if (startsAtMs === null || startsAtMs - Date.now() > leftMs) this.#fail('H10', destination);
    else this.#hold(destination, nowMs);
  }

  #choose(destination: Destination, nowMs: number): void {
    const target = destination.balancer.choose(destination.targets, this.#avoid, nowMs);
    if (target) {
      this.#stopHolding();
      this.#connect(target, destination, nowMs);
    } else if (destination.targets.some(({ draining, isFull }) => isFull && !draining)) this.#fail('H11', destination);
    else this.#hold(destination, nowMs);
  }

  #connect(target: Target, destination: Destination, nowMs: number): void {
    target.begin();
    const used = this.#wasSent || !this.#head.repeatable ? null : target.connections.take(nowMs);
    if (used) this.#listener.connected(used, target, destination);
    else this.#open(target, destination);
  }

  /**
   * A request with effects gets a connection of its own. The instance may be closing a used one at this moment, and then
   * nobody could know whether it did the work: neither the end of a connection nor a reset says what was read.
   */
  #open(target: Target, destination: Destination): void {
    this.#connects += 1;
    target.connections.open(this.#deps.timing.connectMs, (error, connection) => {
      if (connection) this.#opened(connection, target, destination);
      else this.#notOpened(error ?? 'ECONNRESET', target, destination);
    });
  }

  #opened(connection: Connection, target: Target, destination: Destination): void {
    target.connected();
    if (this.#cancelled) {
      target.connections.put(connection);
      target.end();
    } else this.#listener.connected(connection, target, destination);
  }

  #notOpened(error: string, target: Target, destination: Destination): void {
    target.end();
    if (ownFailures.has(error)) this.#fail('H99', destination);
    else if (error !== 'ECANCELED') this.#refused(error, target, destination);
    else if (!this.#cancelled) this.next();
  }

  #refused(error: string, target: Target, destination: Destination): void {
    target.refused(performance.now());
    if (this.#cancelled) return;
    this.#lastFailure = error === 'ETIMEDOUT' ? 'H19' : 'H21';
    this.#avoidTarget(target);
    if (this.#connects >= maxConnects) this.#hold(destination, performance.now());
    else this.next();
  }

  /**
   * No instance can be tried now. The request waits for a change of its routes, or for the moment when an instance may
   * be tried again.
   */
  #hold(destination: Destination, nowMs: number): void {
    const { routes, timing } = this.#deps;
    if (this.#wasSent) {
      this.#fail('H13', destination);
      return;
    }
    this.#heldSinceMs ??= nowMs;
    const { appId, state, targets } = destination;
    const starting = state === 'starting' || targets.length === 0;
    // The launcher restarts the platform, so here too an instance is on its way.
    const mayStart = starting || appId === null || !this.#isKnownDown(nowMs);
    const isOver = nowMs - this.#heldSinceMs >= (mayStart ? timing.startingHoldMs : timing.refusedHoldMs);
    if (!isOver) this.#leaveHold ??= routes.held.join(appId ?? destination.name, () => this.next());
    if (isOver) this.#fail(this.#codeOfHold(destination, starting), destination);
    else if (!this.#leaveHold) this.#fail('H11', destination);
  }

  /** While the orchestrator is away and just after its return, nobody has said yet that another instance starts. */
  #isKnownDown(nowMs: number): boolean {
    const { heardSinceMs } = this.#deps.requestEvents;
    return heardSinceMs !== null && nowMs - heardSinceMs >= this.#deps.timing.returnedMs;
  }

  #codeOfHold({ appId, state }: Destination, starting: boolean): HCode {
    if (appId === null) return 'H99';
    if (state === 'crashed') return 'H10';
    return starting ? 'H20' : this.#lastFailure;
  }

  #fail(code: HCode | 'unknown-host', destination: Destination | undefined): void {
    this.#stopHolding();
    if (!this.#cancelled) this.#listener.failed(code, destination);
  }

  #avoidTarget(target: Target): void {
    this.#avoid ??= new Set();
    this.#avoid.add(target);
  }

  #stopHolding(): void {
    this.#leaveHold?.();
    this.#leaveHold = null;
  }
}

/** The code for an app that cannot serve requests in this state. Null when its instances can be tried. */
function downCode(state: Exclude<RouteState, 'crashed'>): HCode | null {
  switch (state) {
    case 'maintenance':
      return 'H80';
    case 'blank':
      return 'H81';
    case 'none':
      return 'H14';
    case 'live':
    case 'starting':
      return null;
  }
}
