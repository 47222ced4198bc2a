import type { Writable } from 'node:stream';
import { setImmediate as nextTurn } from 'node:timers/promises';

/**
 * Resolves when the reader of an output has taken all of it, or is gone. To be awaited before `process.exit`, which drops
 * what still waits: a pipe takes 64 KiB at once, and the rest at its reader's speed. Waits as long as the reader does, as
 * every program does that writes to a pipe.
 */
export async function flushed(output: Writable): Promise<void> {
  if (output.writableLength > 0) await new Promise<void>((resolve) => output.write('', () => resolve()));
  // The event of an error comes after the end of the write that failed.
  await nextTurn();
}
