import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { EngineOnHost } from '../domain/host-hands.ts';
import { groupOf } from './container-group.ts';

/*
 * cgroup v2 counts the buffers of sockets as the container's memory. v1 counts those of TCP apart and without a limit:
 * a container of 512 MB could hold some 700 MB in them. runc ignores the engine's KernelMemoryTCP since 1.0.0-rc94, so the
 * limit is written into the container's group.
 */

/** Of the container's memory. */
const share = 4;
/** Enough for a few connections of the smallest container. */
const leastBytes = 4 * 1024 * 1024;

/**
 * Limits the buffers of a container that runs, to a quarter of its memory. True if they are limited, by this or by the kernel.
 * Never throws.
 */
export async function limitSockets(
  engine: () => Promise<EngineOnHost>,
  containerId: string,
  cgroupRoot = '/sys/fs/cgroup',
): Promise<boolean> {
  try {
    const facts = await engine();
    if (facts.cgroupVersion === 2) return true;
    if (!facts.isHere) return false;
    const group = join(cgroupRoot, 'memory', groupOf(facts, containerId));
    const memory = Number(await readFile(join(group, 'memory.limit_in_bytes'), 'utf8'));
    const bytes = Math.max(leastBytes, Math.floor(memory / share));
    await writeFile(join(group, 'memory.kmem.tcp.limit_in_bytes'), String(bytes), { flag: 'r+' });
    return true;
  } catch {
    // The platform is not root, the kernel lacks the counter, or the container has ended.
    return false;
  }
}
