import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { DockerfileBrake, EngineInfo } from '../domain/engine.ts';
import { brakeSteps, canBrakeSteps, stepMemoryBytes } from './step-brake.ts';

/*
 * BuildKit runs all its steps below one control group, `docker/buildkit`, and its API knows no limit for them. So the limit
 * is set on that group: a fork bomb or a leak in somebody's Dockerfile stops there and does not take the host along. It is
 * for all steps of the engine together, those of other users too; hence half of the memory, and not one build's share.
 */

type BrakedEngine = Pick<EngineInfo, 'cgroupVersion' | 'cgroupDriver' | 'memoryBytes'>;

const cgroupMount = '/sys/fs/cgroup';

/** Made one by one: a hierarchy that is not mounted must not be made up as a common directory. */
const groups = ['docker', 'docker/buildkit'];
const pids = 4096;
/** A quarter of what a container of an app weighs. */
const cpuShares = 256;
const cpuWeight = 25;

/**
 * Sets the limits, or sets them again: a restart of the engine or of the machine forgets them. For an engine on this machine
 * that keeps its own groups (`cgroupfs` driver), and a platform that runs as root; where systemd keeps them it says whether
 * the steps can be limited one by one (step-brake.ts). Never throws: says why it could not.
 */
export async function brakeBuildKit(engine: BrakedEngine, cgroupRoot = cgroupMount): Promise<DockerfileBrake> {
  if (engine.cgroupDriver !== 'cgroupfs') {
    if (engine.cgroupVersion === 2 && (await canBrakeSteps(cgroupRoot))) {
      const mib = Math.floor(stepMemoryBytes(engine.memoryBytes) / 1024 ** 2);
      return { applied: true, message: `each of their steps is held to ${mib} MB of memory` };
    }
    return notBraked(`the engine’s control groups are kept by ${engine.cgroupDriver}`);
  }
  const memoryBytes = String(Math.floor(engine.memoryBytes / 2));
  const files: readonly (readonly [string, string, string])[] =
    engine.cgroupVersion === 1
      ? [
          ['memory', 'memory.limit_in_bytes', memoryBytes],
          ['pids', 'pids.max', String(pids)],
          ['cpu', 'cpu.shares', String(cpuShares)],
        ]
      : [
          ['', 'memory.max', memoryBytes],
          ['', 'pids.max', String(pids)],
          ['', 'cpu.weight', String(cpuWeight)],
        ];
  try {
    for (const [hierarchy, file, value] of files) {
      for (const group of groups) await makeGroup(join(cgroupRoot, hierarchy, group));
      await writeFile(join(cgroupRoot, hierarchy, 'docker/buildkit', file), value);
    }
    return { applied: true, message: 'their steps together are held to half of the memory' };
  } catch (error) {
    return notBraked((error as Error).message);
  }
}

/** Limits the steps of Dockerfiles until it is disposed of. Where that cannot be had `doctor` says so, and the build goes on. */
export async function brakeBuild(engine: BrakedEngine, cgroupRoot = cgroupMount): Promise<Disposable> {
  const { applied } = await brakeBuildKit(engine, cgroupRoot);
  const haveNoCommonGroup = applied && engine.cgroupDriver !== 'cgroupfs';
  return haveNoCommonGroup ? brakeSteps(engine.memoryBytes, cgroupRoot) : { [Symbol.dispose]: () => undefined };
}

async function makeGroup(directory: string): Promise<void> {
  try {
    await mkdir(directory);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}

export function notBraked(cause: string): DockerfileBrake {
  return { applied: false, message: `Steps of a Dockerfile are not limited in memory and processes: ${cause}.` };
}
