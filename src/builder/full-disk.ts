import { statfs } from 'node:fs/promises';
import { PlatformError } from '../domain/errors.ts';
import type { JailLimits } from './jail/limits.ts';

export type FreeDisk = Pick<JailLimits, 'freeDiskShare' | 'freeDiskBytes'>;

/**
 * Refuses to begin a build where the engine's disk is nearly full: an engine without room breaks the apps that serve.
 * Where the disk cannot be looked at (an engine elsewhere, a user without the right), nothing is refused.
 */
export async function refuseOnFullDisk(dataRoot: string, { freeDiskShare, freeDiskBytes }: FreeDisk): Promise<void> {
  const disk = await statfs(dataRoot).catch(() => null);
  if (!disk) return;
  const free = disk.bavail * disk.bsize;
  if (free >= freeDiskBytes || disk.bavail >= disk.blocks * freeDiskShare) return;
  const percent = Math.round((disk.bavail / disk.blocks) * 100);
  const needed = Math.round(freeDiskShare * 100);
  throw new PlatformError('no_capacity', `The host's disk has ${percent} % left, and a build needs ${needed} %.`, {
    hint: `Make room on the disk of ${dataRoot}. See: paas doctor`,
  });
}

const lookEveryMs = 1_000;

/** Aborts its signal when the disk becomes so full while a build runs that none would be begun. Dispose of it always. */
export class DiskWatch implements Disposable {
  readonly #full = new AbortController();
  readonly #timer: NodeJS.Timeout;

  constructor(dataRoot: string, needs: FreeDisk) {
    this.#timer = setInterval(() => {
      refuseOnFullDisk(dataRoot, needs).catch((reason: unknown) => this.#full.abort(reason));
    }, lookEveryMs);
  }

  get signal(): AbortSignal {
    return this.#full.signal;
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}
