import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Clock } from '../system/clock.ts';

/**
 * Addresses that contain their subject and their expiry, signed with a key of this process. For links in every row of a
 * list, of which few are followed.
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

  /** The subject; null when the link was not signed by this process, or is expired. */
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
