import type { Target as TargetFacts } from '../domain/route.ts';
import { Connections } from './connections.ts';
import type { Timing } from './timing.ts';

/** A hijacked connection (WebSocket): ends only when one side says so, or when it is closed. */
export interface Closable {
  close(): void;
}

/** What is still in flight on an instance. */
export interface Load {
  readonly requests: number;
  readonly tunnels: number;
}

/**
 * One instance as the resolver sees it: what is in flight on it, whether it gets more, and its connections. It outlives
 * the table that brought it, until its last request has ended.
 */
export class Target {
  readonly instanceId: string;
  readonly name: string;
  readonly release: number;
  readonly address: string;
  readonly port: number;
  readonly #timing: Timing;
  readonly #tunnels = new Set<Closable>();
  readonly #idleListeners = new Set<() => void>();
  #connections: Connections | null = null;
  #draining = false;
  #requests = 0;
  #quarantinedUntilMs = 0;
  #probedAtMs = 0;

  constructor(facts: TargetFacts, timing: Timing) {
    this.instanceId = facts.instanceId;
    this.name = facts.name;
    this.release = facts.release;
    this.address = facts.address;
    this.port = facts.port;
    this.#timing = timing;
  }

  /** Made for the first request: of ten thousand instances most are asked nothing for hours. */
  get connections(): Connections {
    if (!this.#connections) {
      const { address, port } = this;
      this.#connections = new Connections({ address, port, idleMs: this.#timing.poolIdleMs });
      if (this.#draining) this.#connections.close();
    }
    return this.#connections;
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

  /** From before the connection is opened: so that the balancer sees an instance that lets callers wait as loaded. */
  begin(): void {
    this.#requests += 1;
  }

  end(): void {
    this.#requests -= 1;
    this.#tellIfIdle();
  }

  /** The request became a tunnel: it counts as one until `endTunnel`. */
  becomeTunnel(tunnel: Closable): void {
    this.#requests -= 1;
    this.#tunnels.add(tunnel);
  }

  endTunnel(tunnel: Closable): void {
    this.#tunnels.delete(tunnel);
    this.#tellIfIdle();
  }

  /** It did not let us connect. */
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

  /** Whether one request may try an instance in quarantine now, because there is no other; true once per `probeMs`. */
  mayProbe(nowMs: number): boolean {
    if (nowMs - this.#probedAtMs < this.#timing.probeMs) return false;
    this.#probedAtMs = nowMs;
    return true;
  }

  /** Gets nothing new from now on. */
  drain(): void {
    this.#draining = true;
    this.#connections?.close();
  }

  /** Closes connections that have been idle for too long. */
  sweep(nowMs: number): void {
    this.#connections?.sweep(nowMs);
  }

  closeTunnels(): void {
    for (const tunnel of [...this.#tunnels]) tunnel.close();
  }

  /** Calls back once when nothing is in flight, at once if nothing is. Returns how to stop waiting. */
  whenIdle(listener: () => void): () => void {
    if (this.load === 0) listener();
    else this.#idleListeners.add(listener);
    return () => this.#idleListeners.delete(listener);
  }

  #tellIfIdle(): void {
    if (this.load > 0 || this.#idleListeners.size === 0) return;
    const listeners = [...this.#idleListeners];
    this.#idleListeners.clear();
    for (const listener of listeners) listener();
  }
}
