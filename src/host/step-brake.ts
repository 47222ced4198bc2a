import { access, constants, readdir, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import type { StepGroups } from './step-ports.ts';

/*
 * With the `systemd` driver BuildKit's steps have no common group. BuildKit gives runc a path that only systemd
 * understands, `SLICE:docker:ID`. runc without systemd creates a group with exactly this name beside the engine's group
 * (measured with 26.1; runc, cgroups/fs2 defaultDirPath). So each step is limited separately, as soon as its group exists.
 */

/*
 * The group that steps have in common with the driver `cgroupfs` does not keep one step from taking all of it. So there,
 * too, each step is limited.
 */

/** A step cannot take a dangerous amount in this time. */
const lookEveryMs = 50;
/** The slice in which systemd runs the engine's service. */
const slice = 'system.slice';
const pids = 2048;
/** A quarter of the weight of an app's container. */
const cpuWeight = 25;

/** A quarter of the host's memory, so that a few concurrent steps leave some free. At least 2 GiB, as any build has, if half of the host's memory is as much. */
export function stepMemoryBytes(memoryBytes: number): number {
  return Math.floor(Math.max(memoryBytes / 4, Math.min(memoryBytes / 2, 2 * 1024 ** 3)));
}

/** Whether this process may limit groups below `cgroupRoot`. cgroup v2 only. */
export async function canBrakeSteps(cgroupRoot: string): Promise<boolean> {
  try {
    await access(join(cgroupRoot, slice, 'cgroup.subtree_control'), constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

export interface StepBrakeOptions {
  /** Memory of the host. */
  readonly memoryBytes: number;
  readonly cgroupRoot: string;
  readonly steps: StepGroups;
  readonly cgroupVersion: 1 | 2;
}

/** Limits each step that begins, until the answer is disposed of. */
export function brakeSteps(options: StepBrakeOptions): Disposable {
  const { folder, isStep } = options.steps;
  const braked = new Set<string>();
  let isLooking = false;
  const look = async () => {
    if (isLooking) return;
    isLooking = true;
    for (const name of await readdir(folder).catch(() => [])) {
      if (isStep(name) && !braked.has(name) && (await brake(join(folder, name), options))) braked.add(name);
    }
    isLooking = false;
  };
  const timer = setInterval(() => void look(), lookEveryMs);
  return { [Symbol.dispose]: () => clearInterval(timer) };
}

/** False if the step has ended, or its group is incomplete and must be tried again. */
async function brake(group: string, { memoryBytes, cgroupRoot, cgroupVersion }: StepBrakeOptions): Promise<boolean> {
  const memory = stepMemoryBytes(memoryBytes);
  if (cgroupVersion === 1) {
    const ofMemory = join(cgroupRoot, 'memory', relative(join(cgroupRoot, 'pids'), group));
    return (await limit(ofMemory, 'memory.limit_in_bytes', memory)) && (await limit(group, 'pids.max', pids));
  }
  // The kernel may lack these controllers.
  await limit(group, 'cpu.weight', cpuWeight);
  await limit(group, 'memory.swap.max', 0);
  return (await limit(group, 'memory.max', memory)) && (await limit(group, 'pids.max', pids));
}

function limit(group: string, file: string, value: number): Promise<boolean> {
  return writeFile(join(group, file), String(value), { flag: 'r+' }).then(
    () => true,
    () => false,
  );
}
