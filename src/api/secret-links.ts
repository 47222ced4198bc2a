import { createHash, randomBytes } from 'node:crypto';
import type { Actor } from '../domain/actor.ts';
import type { LogSource } from '../domain/log-line.ts';
import type { Clock } from '../system/clock.ts';

/** The log view behind a log session's address. */
export interface LogView {
  readonly actor: Actor;
  readonly appId: string;
  readonly lines: number;
  readonly process: string | null;
  readonly sources: readonly LogSource[] | null;
  readonly release: number | null;
  readonly tail: boolean;
}

/** The terminal behind an attach address, which works once. */
export interface AttachTicket {
  readonly actor: Actor;
  readonly appId: string;
  readonly instanceId: string;
}

interface Entry<T> {
  readonly value: T;
  endsMs: number;
}

/**
 * Addresses that are their own secret: 32 random bytes that give one value until they expire. Stored by hash, in this
 * process only.
 */
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

  /** The value; null when the secret is unknown or expired. */
  open(secret: string): T | null {
    const entry = this.#entries.get(keyOf(secret));
    return entry && entry.endsMs > this.#clock.monotonicMs() ? entry.value : null;
  }

  /** The value, as `open` gives it. The secret is not valid afterwards. */
  take(secret: string): T | null {
    const value = this.open(secret);
    this.#entries.delete(keyOf(secret));
    return value;
  }

  /** Makes the secret valid for at least `ttlMs` from now. */
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
