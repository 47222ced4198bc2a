import { randomBytes } from 'node:crypto';

let lastMs = 0;
let counter = 0;

/** Ids that are made from now on are greater than this one, whatever the clock says: it may have been set back since. */
export function continueIdsAfter(id: string): void {
  const ms = Number.parseInt(id.replaceAll('-', '').slice(0, 12), 16);
  if (ms <= lastMs) return;
  lastMs = ms + 1;
  counter = 0;
}

/**
 * A UUID of version 7 (RFC 9562 §5.7) that is greater than every one this process made before: rows made within one
 * millisecond keep their order, which `crypto.randomUUIDv7` does not promise. The 12 bits of rand_a are the counter
 * (method 1 of §6.2); when they run out, or the clock is set back, the last millisecond is used on.
 */
export function newId(now: Date = new Date()): string {
  const ms = now.getTime();
  if (ms > lastMs) {
    lastMs = ms;
    counter = randomBytes(1)[0] ?? 0;
  } else {
    counter += 1;
    if (counter > 0xfff) {
      lastMs += 1;
      counter = 0;
    }
  }
  const time = lastMs.toString(16).padStart(12, '0');
  const random = randomBytes(8);
  random.writeUInt8(((random[0] ?? 0) & 0x3f) | 0x80, 0);
  const tail = random.toString('hex');
  const rest = `7${counter.toString(16).padStart(3, '0')}-${tail.slice(0, 4)}-${tail.slice(4)}`;
  return `${time.slice(0, 8)}-${time.slice(8)}-${rest}`;
}
