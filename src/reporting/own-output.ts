import { fstatSync, writeSync } from 'node:fs';

/**
 * Standard output as a log. The program goes on when nobody reads it any more (`npm start | head`), and when it is a file
 * on a full disk: then lines are dropped and counted, and the next one that fits is written. Node's own stream of a file
 * writes nothing ever again after its first error.
 */
export function ownOutput(): { write(line: string): unknown } {
  for (const output of [process.stdout, process.stderr]) output.on('error', () => undefined);
  return fstatSync(1).isFile() ? fileOutput(1) : process.stdout;
}

/** Lines to a file by its descriptor. `write` never throws. */
export function fileOutput(
  file: number,
  append: (file: number, text: string) => number = writeSync,
): { write(line: string): void } {
  let dropped = 0;
  /** The disk took a part of the last line. */
  let isTorn = false;
  return {
    write(line) {
      const note = dropped === 0 ? '' : `${dropped} lines were dropped here: the disk took none.\n`;
      const text = `${isTorn ? '\n' : ''}${note}${line}`;
      try {
        isTorn = append(file, text) < Buffer.byteLength(text);
        dropped = isTorn ? 1 : 0;
      } catch {
        dropped += 1;
      }
    },
  };
}
