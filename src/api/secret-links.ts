import { createHash, randomBytes } from 'node:crypto';
import type { Actor } from '../domain/actor.ts';
import type { LogSource } from '../domain/log-line.ts';
import type { Clock } from '../system/clock.ts';

/** What a log session's address opens. */
export interface LogView {
  readonly actor: Actor;
  readonly appId: string;
  readonly lines: number;
  readonly process: string | null;
  readonly sources: readonly LogSource[] | null;
  readonly release: number | null;
  readonly tail: boolean;
}

/** What an attach address opens, once. */
export interface AttachTicket {
  readonly actor: Actor;
  readonly appId: string;
  readonly instanceId: string;
}

interface Entry<T> {
  readonly value: T;
  endsMs: number;
}

/** Addresses that are their own secret: 32 random bytes that open one thing for a while. Kept by hash, in this process only. */
export class SecretLinks<T> {
  readonly #clock: Clock;
  readonly #entries = new Map<string, Entry<T>>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Returns the secret. */
  issue(value: T, ttlMs: number): string {
    this.#sweep();
    const secret = randomBytes(32).toString('base64url');
    this.#entries.set(keyOf(secret), { value, endsMs: this.#clock.monotonicMs() + ttlMs });
    return secret;
  }

  /** The value while the secret is good. */
  open(secret: string): T | null {
    const entry = this.#entries.get(keyOf(secret));
    return entry && entry.endsMs > this.#clock.monotonicMs() ? entry.value : null;
  }

  /** The value, and the secret is used up. */
  take(secret: string): T | null {
    const value = this.open(secret);
    this.#entries.delete(keyOf(secret));
    return value;
  }

  /** Good for `ttlMs` from now. */
  extend(secret: string, ttlMs: number): void {
    const entry = this.#entries.get(keyOf(secret));
    if (entry) entry.endsMs = Math.max(entry.endsMs, this.#clock.monotonicMs() + ttlMs);
  }

  #sweep(): void {
    const nowMs = this.#clock.monotonicMs();
    for (const [key, entry] of this.#entries) if (entry.endsMs <= nowMs) this.#entries.delete(key);
  }
}

function keyOf(secret: string): string {
  return createHash('sha256').update(secret).digest('base64url');
}
