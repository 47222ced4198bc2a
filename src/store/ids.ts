import { randomUUIDv7 } from 'node:crypto';

/** A UUID of version 7 (RFC 9562 §5.7): near the ids of its time in an index, and in no promised order. */
export function newId(): string {
  return randomUUIDv7();
}
