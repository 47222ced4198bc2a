import { readdirSync, readFileSync } from 'node:fs';
import { readLock } from '../../src/launcher/lock.ts';
import { signalProcess } from '../../src/launcher/running-process.ts';

/** A process's children, with their command lines. */
export function childrenOf(parent: number): readonly { readonly pid: number; readonly command: string }[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      const stat = read(`/proc/${name}/stat`);
      // The name in brackets may contain spaces and brackets. The parent is the second field after it.
      const ppid = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
      if (ppid !== parent) return [];
      return [{ pid: Number(name), command: read(`/proc/${name}/cmdline`).replaceAll('\0', ' ').trim() }];
    });
}

/** The start time of the process in the kernel's ticks. With its id it identifies the process since the boot. */
export function startedAt(pid: number): string {
  const stat = read(`/proc/${pid}/stat`);
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
}

/** Kills the programs of the platform in this home, which outlive their launcher. */
export function endPrograms(home: string): void {
  for (const program of Object.values(readLock(home)?.programs ?? {})) signalProcess(program, 'SIGKILL');
}

export function isAlive(pid: number): boolean {
  const stat = read(`/proc/${pid}/stat`);
  return stat !== '' && !/\) [ZX] /.test(stat);
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

/** The resident memory of the process, in whole MB. 0 when it has ended. */
export function residentMegabytes(pid: number): number {
  return Math.round(Number(/^VmRSS:\s+(\d+) kB/m.exec(read(`/proc/${pid}/status`))?.[1] ?? 0) / 1024);
}
