import { open } from 'node:fs/promises';

/** A log that another program appends to for as long as it runs: it is shortened in place, as the program keeps it open. */
export interface ForeignLog {
  readonly path: string;
  readonly maxBytes: number;
  /** Of one that has grown past `maxBytes`, so much of its end stays. */
  readonly keptBytes: number;
}

/** Nothing where there is no such file. What the program writes in the moment of the shortening may be lost. */
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
