import { statfs } from 'node:fs/promises';
import { PlatformError } from '../domain/errors.ts';

const freeShare = 0.1;
const freeBytes = 10 * 1024 * 1024 * 1024;

/**
 * Refuses to begin a build where the engine's disk is nearly full: an engine without room breaks the apps that serve.
 * Where the disk cannot be looked at (an engine elsewhere, a user without the right), nothing is refused.
 */
export async function refuseOnFullDisk(dataRoot: string): Promise<void> {
  const disk = await statfs(dataRoot).catch(() => null);
  if (!disk) return;
  const free = disk.bavail * disk.bsize;
  if (free >= freeBytes || disk.bavail >= disk.blocks * freeShare) return;
  const percent = Math.round((disk.bavail / disk.blocks) * 100);
  throw new PlatformError('no_capacity', `The host's disk has ${percent} % left, and a build needs 10 %.`, {
    hint: `Make room on the disk of ${dataRoot}. See: paas doctor`,
  });
}
