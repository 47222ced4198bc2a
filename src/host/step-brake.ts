import { access, constants, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/*
 * With the `systemd` driver BuildKit's steps have no group in common: it hands runc a path that only systemd would
 * understand, `SLICE:docker:ID`, and runc without systemd makes it as it is, beside the engine's own group (measured with
 * 26.1; runc, cgroups/fs2 defaultDirPath). So each step is limited by itself, as soon as its group is there.
 */

/** Steps come and go within a second; what one can take in this time is no danger. */
const lookEveryMs = 50;
const groupOfStep = /^[\w.-]+\.slice:[\w.-]*:\w+$/;
/** Where systemd has the engine's service. */
const slice = 'system.slice';
const pids = 2048;
/** A quarter of what a container of an app weighs. */
const cpuWeight = 25;

/** A quarter of the host's, so that a few at once leave it some; what any build has, where half of the host's is as much. */
export function stepMemoryBytes(memoryBytes: number): number {
  return Math.floor(Math.max(memoryBytes / 4, Math.min(memoryBytes / 2, 2 * 1024 ** 3)));
}

/** Whether this process may limit groups there. cgroup v2 only. */
export async function canBrakeSteps(cgroupRoot: string): Promise<boolean> {
  try {
    await access(join(cgroupRoot, slice, 'cgroup.subtree_control'), constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/** Limits each step that begins until it is disposed of. `memoryBytes`: of the host. */
export function brakeSteps(memoryBytes: number, cgroupRoot: string): Disposable {
  const folder = join(cgroupRoot, slice);
  const braked = new Set<string>();
  let isLooking = false;
  const look = async () => {
    if (isLooking) return;
    isLooking = true;
    for (const name of await readdir(folder).catch(() => [])) {
      if (groupOfStep.test(name) && !braked.has(name) && (await brake(join(folder, name), memoryBytes)))
        braked.add(name);
    }
    isLooking = false;
  };
  const timer = setInterval(() => void look(), lookEveryMs);
  return { [Symbol.dispose]: () => clearInterval(timer) };
}

/** False when the step is over, or its group half made and to be looked at again. */
async function brake(group: string, memoryBytes: number): Promise<boolean> {
  // A kernel may lack the controller of these.
  await limit(group, 'cpu.weight', cpuWeight);
  await limit(group, 'memory.swap.max', 0);
  return (await limit(group, 'memory.max', stepMemoryBytes(memoryBytes))) && (await limit(group, 'pids.max', pids));
}

function limit(group: string, file: string, value: number): Promise<boolean> {
  return writeFile(join(group, file), String(value), { flag: 'r+' }).then(
    () => true,
    () => false,
  );
}
