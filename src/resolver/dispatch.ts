import type { RouteState } from '../domain/route.ts';
import { type Connection, isFit } from './connections.ts';
import type { HCode } from './h-codes.ts';
import type { Destination, LiveRoutes } from './live-routes.ts';
import type { RequestHead } from './request-head.ts';
import type { Target } from './target.ts';
import type { Timing } from './timing.ts';

/** What a dispatch needs of the resolver. */
export interface DispatchDeps {
  readonly routes: LiveRoutes;
  readonly timing: Timing;
}

/** Who asked: called once for each `next`, unless cancelled. The target counts the request until `target.end()`. */
export interface DispatchListener {
  connected(connection: Connection, target: Target, destination: Destination): void;
  failed(code: HCode | 'unknown-host', destination: Destination | undefined): void;
}

const maxConnects = 10;

/** Failures to connect that are ours, not the instance's: out of files, out of ports. */
const ownFailures: ReadonlySet<string> = new Set(['EMFILE', 'ENFILE', 'EADDRNOTAVAIL', 'ENOBUFS', 'ENOMEM']);

/**
 * One request's way to an open connection: find who serves the hostname, choose an instance, connect; when it cannot be
 * connected to, try another; when there is none, hold the request until there is. All of it before a byte is sent, so
 * that any request, a POST too, may go this way again.
 */
export class Dispatch {
  readonly #context: DispatchDeps;
  readonly #head: RequestHead;
  readonly #asker: DispatchListener;
  #avoid: Set<Target> | null = null;
  #leaveHold: (() => void) | null = null;
  #heldSinceMs: number | null = null;
  #connects = 0;
  #lastFailure: 'H19' | 'H21' = 'H21';
  /** It reached an instance and came back without an answer. */
  #wasSent = false;
  #cancelled = false;

  constructor(context: DispatchDeps, head: RequestHead, asker: DispatchListener) {
    this.#context = context;
    this.#head = head;
    this.#asker = asker;
  }

  next(): void {
    const { routes } = this.#context;
    const destination = routes.find(this.#head.hostname, this.#head.path);
    const code = destination ? downCode(destination.state) : 'unknown-host';
    if (!destination || code) this.#fail(code ?? 'unknown-host', destination);
    else this.#choose(destination, performance.now());
  }

  /**
   * The connection was lost before an answer, and the request may be sent again: over a new one, to another if there is
   * one, but only to an instance that is there now. It may be what the instance died of, and must not wait for the
   * replacement to kill that as well.
   */
  again(target: Target, wasUsed: boolean): void {
    this.#wasSent = true;
    if (!wasUsed) this.#avoidNow(target);
    this.next();
  }

  /** The client has gone. */
  cancel(): void {
    this.#cancelled = true;
    this.#leave();
  }

  #choose(destination: Destination, nowMs: number): void {
    const target = destination.balancer.choose(destination.targets, this.#avoid, nowMs);
    if (target) {
      this.#leave();
      this.#connect(target, destination, nowMs);
    } else this.#holdOn(destination, nowMs);
  }

  #connect(target: Target, destination: Destination, nowMs: number): void {
    target.begin();
    const { unsafeReuseMs } = this.#context.timing;
    const maxIdleMs = this.#head.repeatable ? Number.POSITIVE_INFINITY : unsafeReuseMs;
    const used = this.#wasSent ? null : target.connections.take(maxIdleMs, nowMs);
    if (used === null) this.#open(target, destination);
    else if (this.#head.repeatable) this.#asker.connected(used, target, destination);
    else afterNews(() => this.#reuse(used, target, destination));
  }

  #reuse(used: Connection, target: Target, destination: Destination): void {
    const isFresh = performance.now() - used.idleSinceMs <= this.#context.timing.unsafeReuseMs;
    if (this.#cancelled || (isFresh && isFit(used.socket))) this.#opened(used, target, destination);
    else {
      used.socket.destroy();
      this.#open(target, destination);
    }
  }

  #open(target: Target, destination: Destination): void {
    this.#connects += 1;
    target.connections.open(this.#context.timing.connectMs, (error, connection) => {
      if (connection) this.#opened(connection, target, destination);
      else this.#notOpened(error ?? 'ECONNRESET', target, destination);
    });
  }

  #opened(connection: Connection, target: Target, destination: Destination): void {
    target.connected();
    if (this.#cancelled) {
      target.connections.put(connection);
      target.end();
    } else this.#asker.connected(connection, target, destination);
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
    this.#avoidNow(target);
    if (this.#connects >= maxConnects) this.#holdOn(destination, performance.now());
    else this.next();
  }

  /** Nobody to ask right now: wait for news, or for the moment at which somebody may be asked again. */
  #holdOn(destination: Destination, nowMs: number): void {
    const { routes, timing } = this.#context;
    if (this.#wasSent) {
      this.#fail('H13', destination);
      return;
    }
    this.#heldSinceMs ??= nowMs;
    const { appId, state, targets } = destination;
    const starting = state === 'starting' || targets.length === 0;
    // The launcher brings the platform back: that is an instance on its way, too.
    const limitMs = starting || appId === null ? timing.startingHoldMs : timing.refusedHoldMs;
    const isOver = nowMs - this.#heldSinceMs >= limitMs;
    if (!isOver) this.#leaveHold ??= routes.held.join(appId ?? destination.name, () => this.next());
    if (isOver) this.#fail(appId === null ? 'H99' : starting ? 'H20' : this.#lastFailure, destination);
    else if (!this.#leaveHold) this.#fail('H11', destination);
  }

  #fail(code: HCode | 'unknown-host', destination: Destination | undefined): void {
    this.#leave();
    if (!this.#cancelled) this.#asker.failed(code, destination);
  }

  #avoidNow(target: Target): void {
    this.#avoid ??= new Set();
    this.#avoid.add(target);
  }

  #leave(): void {
    this.#leaveHold?.();
    this.#leaveHold = null;
  }
}

/** The code for an app that cannot take requests whatever we try; null when it can be tried. */
function downCode(state: RouteState): HCode | null {
  switch (state) {
    case 'maintenance':
      return 'H80';
    case 'blank':
      return 'H81';
    case 'none':
      return 'H14';
    case 'crashed':
      return 'H10';
    case 'live':
    case 'starting':
      return null;
  }
}

/**
 * When all that the system had to tell by now has been heard. That a connection is closed may be here and not read yet,
 * and Node reads it a round of its event loop after the last bytes; what can be sent once only waits for that.
 */
function afterNews(work: () => void): void {
  setImmediate(() => setImmediate(work));
}
