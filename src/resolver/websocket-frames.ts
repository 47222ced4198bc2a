/**
 * Follows one direction of a WebSocket (RFC 6455 5.2) and knows whether the stream is between two frames, where a close
 * frame may be inserted. It reads lengths only.
 */
export class FrameBoundary {
  #head: number[] = [];
  #payloadLeft = 0;

  get reached(): boolean {
    return this.#head.length === 0 && this.#payloadLeft === 0;
  }

  push(chunk: Uint8Array): void {
    let at = 0;
    while (at < chunk.length) {
      if (this.#payloadLeft > 0) {
        const taken = Math.min(this.#payloadLeft, chunk.length - at);
        this.#payloadLeft -= taken;
        at += taken;
        continue;
      }
      const next = this.#head.length === 0 ? afterSmallFrame(chunk, at) : null;
      if (next !== null) {
        at = next;
        continue;
      }
      this.#head.push(chunk[at] ?? 0);
      at += 1;
      const length = payloadLength(this.#head);
      if (length === null) continue;
      this.#payloadLeft = length;
      this.#head = [];
    }
  }
}

/** Where the next frame begins, when a short one lies whole at `at`: an app may send thousands in one read. */
function afterSmallFrame(chunk: Uint8Array, at: number): number | null {
  const second = chunk[at + 1];
  if (second === undefined || (second & 0x7f) >= 126) return null;
  const next = at + 2 + (second & 0x80 ? 4 : 0) + (second & 0x7f);
  return next <= chunk.length ? next : null;
}

/** "Going away", unmasked, as a server sends it. */
export const goingAwayFrame: Uint8Array = new Uint8Array([0x88, 0x02, 0x03, 0xe9]);

/** The length of the payload once the frame's head is whole. Null before. */
function payloadLength(head: readonly number[]): number | null {
  const [, second] = head;
  if (second === undefined) return null;
  const short = second & 0x7f;
  const extra = short === 126 ? 2 : short === 127 ? 8 : 0;
  const mask = second & 0x80 ? 4 : 0;
  if (head.length < 2 + extra + mask) return null;
  if (extra === 0) return short;
  return head.slice(2, 2 + extra).reduce((length, byte) => length * 256 + byte, 0);
}
