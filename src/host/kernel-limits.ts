import { access, constants, readFile, writeFile } from 'node:fs/promises';
import { totalmem } from 'node:os';
import { join } from 'node:path';
import type { KernelLimit } from '../domain/host-hands.ts';

/*
 * What a host has once for all of its programs, and instances take by the hundred: process numbers, open files, terminals.
 * Their memory counts as an instance's, so that their number needs no limit. systemd raises the first two at boot.
 */

interface Rule {
  /** As sysctl names it. */
  readonly name: string;
  readonly leastOf: (memoryBytes: number) => number;
  readonly raised: string;
}

/** The least memory of an open file. */
const bytesPerFile = 256;

const rules: readonly Rule[] = [
  { name: 'kernel.pid_max', leastOf: () => 4_194_304, raised: '4194304' },
  { name: 'fs.file-max', leastOf: (memoryBytes) => memoryBytes / bytesPerFile, raised: '9223372036854775807' },
  { name: 'kernel.pty.max', leastOf: () => 65_536, raised: '65536' },
];

const sysctls = '/proc/sys';

/** The limits of this host that are lower than its apps can need. None on a machine that is not Linux. */
export async function lowKernelLimits(folder = sysctls, memoryBytes = totalmem()): Promise<readonly KernelLimit[]> {
  const found = await Promise.all(
    rules.map(async ({ name, leastOf, raised }) => {
      const text = await readFile(pathOf(folder, name), 'utf8').catch(() => null);
      return text === null || Number(text) >= leastOf(memoryBytes) ? [] : [{ name, value: Number(text), raised }];
    }),
  );
  return found.flat();
}

/** Those of the limits that this process may change. */
export async function raisable(limits: readonly KernelLimit[], folder = sysctls): Promise<readonly KernelLimit[]> {
  const allowed = await Promise.all(
    limits.map(({ name }) =>
      access(pathOf(folder, name), constants.W_OK).then(
        () => true,
        () => false,
      ),
    ),
  );
  return limits.filter((_, index) => allowed[index]);
}

/** Until the host is started again. False if the kernel refuses. */
export async function raiseKernelLimit({ name, raised }: KernelLimit, folder = sysctls): Promise<boolean> {
  return await writeFile(pathOf(folder, name), raised, { flag: 'r+' }).then(
    () => true,
    () => false,
  );
}

function pathOf(folder: string, name: string): string {
  return join(folder, ...name.split('.'));
}
