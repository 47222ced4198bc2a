import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Clock } from '../system/clock.ts';

/**
 * Addresses that say what they open and until when, signed with a key that lives as long as this process. For links
 * that every row of a list carries and few are followed.
 */
export class SignedLinks {
  readonly #clock: Clock;
  readonly #key = randomBytes(32);

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  sign(subject: string, ttlMs: number): string {
    const payload = `${subject}.${this.#clock.now().getTime() + ttlMs}`;
    return `${payload}.${this.#mac(payload)}`;
  }

  /** The subject, or null for anything that was not signed here or is over. */
  open(link: string): string | null {
    const cut = link.lastIndexOf('.');
    const payload = link.slice(0, Math.max(cut, 0));
    const given = Buffer.from(link.slice(cut + 1));
    const right = Buffer.from(this.#mac(payload));
    if (given.length !== right.length || !timingSafeEqual(given, right)) return null;
    const [subject, endsMs] = payload.split('.');
    return subject && Number(endsMs) > this.#clock.now().getTime() ? subject : null;
  }

  #mac(payload: string): string {
    return createHmac('sha256', this.#key).update(payload).digest('base64url');
  }
}
