/** Buffers that are used again, by their size. A stream would otherwise leave its whole length as garbage. */
const sizes = [8_192, 16_384, 32_768, 65_536] as const;
const spare = new Map<number, Buffer[]>(sizes.map((size) => [size, []]));

/** Of each size. */
const maxSpareBytes = 1024 * 1024;

/** Smaller ones are left to the collector. */
const smallBytes = 4_096;

/** A buffer of at least that length. Who has it may use it until `giveBack`. */
export function borrow(bytes: number): Buffer {
  if (bytes <= smallBytes) return Buffer.allocUnsafe(bytes);
  const size = sizes.find((each) => each >= bytes) ?? bytes;
  return spare.get(size)?.pop() ?? Buffer.allocUnsafeSlow(size);
}

/**
 * From `borrow`, and nobody may use it any more, the operating system included. A buffer that is never given back is
 * collected.
 */
export function giveBack(buffer: Buffer): void {
  const list = spare.get(buffer.length);
  if (list && list.length * buffer.length < maxSpareBytes) list.push(buffer);
  else discard(buffer);
}

/**
 * Frees the memory of a buffer that nobody may use any more, and that shares it with no other: one that Node made for one
 * read, for example. The collector would let more than a hundred megabytes of such buffers come together.
 */
export function discard(buffer: Buffer): void {
  const memory = buffer.buffer as ArrayBuffer;
  if (buffer.length >= smallBytes && memory.byteLength === buffer.length) memory.transfer(0);
}
