import { open } from 'node:fs/promises';

/** A log that another program keeps open and appends to. It is shortened in place for that reason. */
export interface ForeignLog {
  readonly path: string;
  readonly maxBytes: number;
  /** How much of its end is kept when it has grown past `maxBytes`. */
  readonly keptBytes: number;
}

/**
 * Shortens the log to the whole lines of its end. Does nothing when there is no such file. What the program writes at
 * that moment may be lost.
 */
export async function shorten({ path, maxBytes, keptBytes }: ForeignLog): Promise<void> {
  const file = await open(path, 'r+').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw error;
  });
  if (!file) return;
  try {
    const { size } = await file.stat();
    if (size <= maxBytes) return;
    const { buffer, bytesRead } = await file.read(Buffer.alloc(keptBytes), 0, keptBytes, size - keptBytes);
    const end = buffer.subarray(0, bytesRead);
    const whole = end.subarray(end.indexOf(0x0a) + 1);
    await file.truncate(0);
    await file.write(whole, 0, whole.length, 0);
  } finally {
    await file.close();
  }
}
