import { PlatformError } from '../domain/errors.ts';
import type { HostHands } from '../domain/host-hands.ts';
import type { JailLimits } from './jail/limits.ts';

export type FreeDisk = Pick<JailLimits, 'freeDiskShare' | 'freeDiskBytes'>;

/**
 * Throws `no_capacity` when the engine's disk is nearly full, because an engine without free disk breaks the running apps.
 * Does nothing when the disk cannot be read (an engine on another machine, a user without the right).
 */
export async function refuseOnFullDisk(
  hands: Pick<HostHands, 'disks'>,
  { freeDiskShare, freeDiskBytes }: FreeDisk,
): Promise<void> {
  const disk = (await hands.disks()).find(({ holds }) => holds === 'engine');
  if (!disk?.space) return;
  const { freeBytes, totalBytes } = disk.space;
  if (freeBytes >= freeDiskBytes || freeBytes >= totalBytes * freeDiskShare) return;
  const percent = Math.round((freeBytes / totalBytes) * 100);
  const needed = Math.round(freeDiskShare * 100);
  throw new PlatformError('no_capacity', `The host's disk has ${percent} % left, and a build needs ${needed} %.`, {
    hint: `Make room on the disk of ${disk.path}. See: paas doctor`,
  });
}

/** A build with a limit of its own is ended only when half of the reserve is gone: others fill the disk then. */
export function lastDisk({ freeDiskShare, freeDiskBytes }: FreeDisk): FreeDisk {
  return { freeDiskShare: freeDiskShare / 2, freeDiskBytes: freeDiskBytes / 2 };
}

const lookEveryMs = 1_000;

/** Aborts its signal when the disk becomes too full for a build to begin. Always dispose of it. */
export class DiskWatch implements Disposable {
  readonly #full = new AbortController();
  readonly #timer: NodeJS.Timeout;

  constructor(hands: Pick<HostHands, 'disks'>, needs: FreeDisk) {
    this.#timer = setInterval(() => {
      refuseOnFullDisk(hands, needs).catch((reason: unknown) => this.#full.abort(reason));
    }, lookEveryMs);
  }

  get signal(): AbortSignal {
    return this.#full.signal;
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}
