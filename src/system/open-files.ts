import { readFileSync } from 'node:fs';

/** The number of files and sockets that this process may have open: Node raises it to the hard limit at its start. */
export function openFilesLimit(): number {
  const [, limit] = /^Max open files +(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8')) ?? [];
  return limit === undefined ? Number.POSITIVE_INFINITY : Number(limit);
}
