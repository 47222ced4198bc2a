import type { Target as TargetFacts } from '../domain/route.ts';
import { Connections } from './connections.ts';
import type { KeepAlive } from './keep-alive.ts';
import type { Timing } from './timing.ts';

/** A connection that was switched to another protocol (WebSocket). It ends when one side ends it, or by `close`. */
export interface Closable {
  close(): void;
}

/** What is still in flight on an instance. */
export interface Load {
  readonly requests: number;
  readonly tunnels: number;
}

/**
 * One instance as the resolver sees it: its requests in flight, whether it gets more, and its connections. It outlives
 * the table that named it until its last request has ended.
 */
export class Target {
  readonly instanceId: string;
  readonly name: string;
  readonly release: number;
  readonly address: string;
  readonly port: number;
  readonly #keepAlive: KeepAlive;
  readonly #timing: Timing;
  readonly #limit: number;
  readonly #tunnels = new Set<Closable>();
  readonly #idleListeners = new Set<() => void>();
  #connections: Connections | null = null;
  #draining = false;
  #requests = 0;
  #quarantinedUntilMs = 0;
  #probedAtMs = 0;

  /** `limit`: of its requests in flight. */
  constructor(facts: TargetFacts, keepAlive: KeepAlive, timing: Timing, limit = timing.requestsPerInstance) {
    this.instanceId = facts.instanceId;
    this.name = facts.name;
    this.release = facts.release;
    this.address = facts.address;
    this.port = facts.port;
    this.#keepAlive = keepAlive;
    this.#timing = timing;
    this.#limit = limit;
  }

  /** Created for the first request: of ten thousand instances most get none for hours. */
  get connections(): Connections {
    if (!this.#connections) {
      const { address, port } = this;
      const idleMs = this.#timing.poolIdleMs;
      this.#connections = new Connections({ address, port, idleMs, keepAlive: this.#keepAlive });
      if (this.#draining) this.#connections.close();
    }
    return this.#connections;
  }

  /** Whether it has as many requests in flight as an instance may have. Tunnels are limited for the app only. */
  get isFull(): boolean {
    return this.#requests >= this.#limit;
  }

  get load(): number {
    return this.#requests + this.#tunnels.size;
  }

  get inFlight(): Load {
    return { requests: this.#requests, tunnels: this.#tunnels.size };
  }

  get draining(): boolean {
    return this.#draining;
  }

  isAt({ address, port }: TargetFacts): boolean {
    return this.address === address && this.port === port;
  }

  /**
   * Counts a request, before its connection is opened, so that the balancer sees how loaded an instance is that lets
   * connections wait.
   */
  begin(): void {
    this.#requests += 1;
  }

  end(): void {
    this.#requests -= 1;
    this.#notifyIfIdle();
  }

  /** The request became a tunnel: it counts as one until `endTunnel`. */
  becomeTunnel(tunnel: Closable): void {
    this.#requests -= 1;
    this.#tunnels.add(tunnel);
  }

  endTunnel(tunnel: Closable): void {
    this.#tunnels.delete(tunnel);
    this.#notifyIfIdle();
  }

  /** A connection to it could not be opened. */
  refused(nowMs: number): void {
    this.#quarantinedUntilMs = nowMs + this.#timing.quarantineMs;
    this.#probedAtMs = nowMs;
  }

  connected(): void {
    this.#quarantinedUntilMs = 0;
  }

  isQuarantined(nowMs: number): boolean {
    return nowMs < this.#quarantinedUntilMs;
  }

  /**
   * Whether a request may try this instance although it is in quarantine, because there is no other. True once per
   * `probeMs`.
   */
  mayProbe(nowMs: number): boolean {
    if (nowMs - this.#probedAtMs < this.#timing.probeMs) return false;
    this.#probedAtMs = nowMs;
    return true;
  }

  /** From now on the instance gets no new requests. */
  drain(): void {
    this.#draining = true;
    this.#connections?.close();
  }

  /** Closes the connections that have been idle for too long. */
  sweep(nowMs: number): void {
    this.#connections?.sweep(nowMs);
  }

  closeTunnels(): void {
    for (const tunnel of [...this.#tunnels]) tunnel.close();
  }

  /** Calls back once when nothing is in flight, at once if nothing is. Returns a function that cancels the callback. */
  whenIdle(listener: () => void): () => void {
    if (this.load === 0) listener();
    else this.#idleListeners.add(listener);
    return () => this.#idleListeners.delete(listener);
  }

  #notifyIfIdle(): void {
    if (this.load > 0 || this.#idleListeners.size === 0) return;
    const listeners = [...this.#idleListeners];
    this.#idleListeners.clear();
    for (const listener of listeners) listener();
  }
}
