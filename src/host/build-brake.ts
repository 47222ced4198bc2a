import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { EngineOnHost, StepBrake } from '../domain/host-hands.ts';
import { brakeSteps, canBrakeSteps, stepMemoryBytes } from './step-brake.ts';
import { stepGroups } from './step-ports.ts';

/*
 * BuildKit runs all steps in one control group, `docker/buildkit`, and its API has no limits for them. So the limit is set
 * on that group: a fork bomb or a leak in a Dockerfile stops there and does not bring the host down. The group has all
 * steps of the engine, those of other users too. Therefore its limit is half of the memory and not one build's share. Each
 * step gets half of that at most, so that one that takes all it can leaves the others some.
 */

const cgroupMount = '/sys/fs/cgroup';

/** Made one by one, because a recursive mkdir would create a common directory where a hierarchy is not mounted. */
const groups = ['docker', 'docker/buildkit'];
const pids = 4096;
/** A quarter of the weight of an app's container. */
const cpuShares = 256;
const cpuWeight = 25;

/**
 * Limits the steps of Dockerfiles until the answer is disposed of. Works for an engine on this machine and a platform that
 * runs as root. If the engine manages its groups (`cgroupfs` driver), each call sets the limits again, because a restart
 * of the engine or of the machine loses them; they stay after the disposal. If systemd manages the groups, each step is
 * limited separately (step-brake.ts). Never throws: returns the reason for a failure.
 */
export async function brakeBuildKit(engine: () => Promise<EngineOnHost>, cgroupRoot = cgroupMount): Promise<StepBrake> {
  try {
    const facts = await engine();
    if (!facts.isHere) return notBraked('the engine is on another machine');
    return facts.cgroupDriver === 'cgroupfs' ? await brakeGroup(facts, cgroupRoot) : await brakeEach(facts, cgroupRoot);
  } catch (error) {
    return notBraked((error as Error).message);
  }
}

async function brakeGroup(facts: EngineOnHost, cgroupRoot: string): Promise<StepBrake> {
  const { cgroupVersion, memoryBytes } = facts;
  const memory = String(Math.floor(memoryBytes / 2));
  const files: readonly (readonly [string, string, string])[] =
    cgroupVersion === 1
      ? [
          ['memory', 'memory.limit_in_bytes', memory],
          ['pids', 'pids.max', String(pids)],
          ['cpu', 'cpu.shares', String(cpuShares)],
        ]
      : [
          ['', 'memory.max', memory],
          ['', 'pids.max', String(pids)],
          ['', 'cpu.weight', String(cpuWeight)],
        ];
  for (const [hierarchy, file, value] of files) {
    for (const group of groups) await makeGroup(join(cgroupRoot, hierarchy, group));
    await writeFile(join(cgroupRoot, hierarchy, 'docker/buildkit', file), value);
  }
  // Counted beside the memory (socket-memory.ts). Not every kernel has it.
  const buffers = join(cgroupRoot, 'memory/docker/buildkit/memory.kmem.tcp.limit_in_bytes');
  const ownLimit = { flag: 'r+' } as const;
  if (cgroupVersion === 1)
    await writeFile(buffers, String(Math.floor(memoryBytes / 8)), ownLimit).catch(() => undefined);
  const each = brakeSteps({ memoryBytes, cgroupRoot, cgroupVersion, steps: stepGroups(facts, cgroupRoot) });
  return {
    applied: true,
    message: 'their steps together are held to half of the memory',
    [Symbol.dispose]: () => each[Symbol.dispose](),
  };
}

async function brakeEach(facts: EngineOnHost, cgroupRoot: string): Promise<StepBrake> {
  const { cgroupVersion, cgroupDriver, memoryBytes } = facts;
  if (cgroupVersion !== 2 || !(await canBrakeSteps(cgroupRoot))) {
    return notBraked(`the engine’s control groups are kept by ${cgroupDriver}`);
  }
  const brake = brakeSteps({ memoryBytes, cgroupRoot, cgroupVersion, steps: stepGroups(facts, cgroupRoot) });
  const mib = Math.floor(stepMemoryBytes(memoryBytes) / 1024 ** 2);
  return {
    applied: true,
    message: `each of their steps is held to ${mib} MB of memory`,
    [Symbol.dispose]: () => brake[Symbol.dispose](),
  };
}

async function makeGroup(directory: string): Promise<void> {
  try {
    await mkdir(directory);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}

function notBraked(cause: string): StepBrake {
  return {
    applied: false,
    message: `Steps of a Dockerfile are not limited in memory and processes: ${cause}.`,
    [Symbol.dispose]: () => undefined,
  };
}
