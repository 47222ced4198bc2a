import type { DiskLimits } from '../config/settings.ts';
import type { DiskSpace, DiskUse } from '../domain/host-hands.ts';

/** What one container keeps on the disk, now and over the last time. */
export interface MeasuredDisk {
  readonly containerId: string;
  readonly appId: string;
  /** Only what runs can be ended. What ended counts for its app until it is removed. */
  readonly runs: boolean;
  readonly use: DiskUse;
  /** What its use was at the beginning of the last `windowMs`. All zero for a container that began later. */
  readonly before: Pick<DiskUse, 'bytes' | 'files' | 'writtenBytes'>;
}

export interface DiskFacts {
  readonly disks: readonly MeasuredDisk[];
  readonly limits: DiskLimits;
  readonly space: DiskSpace | null;
  /** Free at the beginning of the last `windowMs`. */
  readonly spaceBefore: DiskSpace | null;
  readonly windowMs: number;
  /** Whether the last one that was ended for the reserve is still giving its disk back. */
  readonly settling: boolean;
}

export interface DiskVerdict {
  readonly containerId: string;
  /** A sentence for the app's log, which ends with what is done. */
  readonly reason: string;
}

const megabyte = 1024 * 1024;
const gibibyte = 1024 * megabyte;
/** The reserve is never more than this share of a disk, so that a small disk is usable. */
const largestReserve = 0.05;
/** Whoever grew less is not the reason why a disk is full. */
const leastGrowth = { bytes: 16 * megabyte, files: 1000 } as const;
const leastUnexplained = 256 * megabyte;

/** Bytes of a disk that apps leave free. */
export function reserveOf({ totalBytes }: Pick<DiskSpace, 'totalBytes'>, { reserveBytes }: DiskLimits): number {
  return Math.min(reserveBytes, Math.floor(totalBytes * largestReserve));
}

/** Files that apps leave to be made. */
export function fileReserveOf({ totalFiles }: Pick<DiskSpace, 'totalFiles'>): number {
  return Math.floor(totalFiles * largestReserve);
}

/**
 * Who is ended for what it wrote: each instance above its limits, the largest of an app above the app's, and while the
 * disk has less than the reserve, the one that grew fastest. Pure.
 */
export function diskVerdicts(facts: DiskFacts): readonly DiskVerdict[] {
  const over = [...overInstance(facts), ...overApp(facts)];
  const first = [...new Map(over.toReversed().map((verdict) => [verdict.containerId, verdict])).values()];
  if (first.length > 0 || facts.settling) return first;
  const grower = belowReserve(facts);
  return grower ? [grower] : [];
}

function overInstance({ disks, limits }: DiskFacts): readonly DiskVerdict[] {
  return disks.flatMap(({ containerId, runs, use }) => {
    if (!runs) return [];
    const { bytes, unlinkedBytes, files } = use;
    if (bytes > limits.instanceBytes) {
      const hidden =
        unlinkedBytes >= megabyte ? ` (${sizeText(unlinkedBytes)} of it in removed files that are open)` : '';
      const limit = `${sizeText(limits.instanceBytes)} is the limit`;
      return [{ containerId, reason: `Wrote ${sizeText(bytes)} to its disk${hidden}, and ${limit}: ended` }];
    }
    if (files > limits.instanceFiles) {
      return [
        { containerId, reason: `Made ${files} files on its disk, and ${limits.instanceFiles} is the limit: ended` },
      ];
    }
    return [];
  });
}

function overApp({ disks, limits }: DiskFacts): readonly DiskVerdict[] {
  const byApp = Map.groupBy(disks, ({ appId }) => appId);
  return [...byApp.values()].flatMap((own) => {
    const bytes = own.reduce((sum, { use }) => sum + use.bytes, 0);
    const largest = own.filter(({ runs }) => runs).toSorted((one, other) => other.use.bytes - one.use.bytes)[0];
    if (bytes <= limits.appBytes || !largest) return [];
    const all = `The app's instances wrote ${sizeText(bytes)} to their disks, and ${sizeText(limits.appBytes)} is the limit of an app`;
    const reason = `${all}: the one with the most (${sizeText(largest.use.bytes)}) is ended`;
    return [{ containerId: largest.containerId, reason }];
  });
}

function belowReserve(facts: DiskFacts): DiskVerdict | null {
  const { disks, limits, space, windowMs } = facts;
  if (!space) return null;
  const seconds = Math.max(1, Math.round(windowMs / 1000));
  const reserve = reserveOf(space, limits);
  if (space.freeBytes < reserve) {
    const low = `The host's disk has ${sizeText(space.freeBytes)} free, and ${sizeText(reserve)} are kept for the platform`;
    const [grower, bytes] = furthest(disks, ({ use, before }) => use.bytes - before.bytes);
    if (grower && bytes >= leastGrowth.bytes) {
      const reason = `${low}: this instance grew most, by ${sizeText(bytes)} in ${seconds} s, and is ended`;
      return { containerId: grower.containerId, reason };
    }
    const [writer, written] = unexplained(facts);
    if (!writer) return null;
    const reason = `${low}: this instance wrote most, ${sizeText(written)} in ${seconds} s, and is ended`;
    return { containerId: writer.containerId, reason };
  }
  if (space.freeFiles < fileReserveOf(space)) {
    const low = `The host's disk can hold ${space.freeFiles} more files, and ${fileReserveOf(space)} are kept for the platform`;
    const [grower, files] = furthest(disks, ({ use, before }) => use.files - before.files);
    if (!grower || files < leastGrowth.files) return null;
    const reason = `${low}: this instance made most, ${files} in ${seconds} s, and is ended`;
    return { containerId: grower.containerId, reason };
  }
  return null;
}

/**
 * Space is gone that no measurement shows: a descriptor may be on its way in a socket. Whoever wrote at least half of it
 * without growing has it.
 */
function unexplained({ disks, space, spaceBefore }: DiskFacts): readonly [MeasuredDisk | undefined, number] {
  if (!space || !spaceBefore) return [undefined, 0];
  const grown = disks.reduce((sum, { use, before }) => sum + Math.max(0, use.bytes - before.bytes), 0);
  const lost = spaceBefore.freeBytes - space.freeBytes - grown;
  const [writer, written] = furthest(disks, ({ use, before }) => {
    return use.writtenBytes - before.writtenBytes - Math.max(0, use.bytes - before.bytes);
  });
  return lost >= leastUnexplained && written >= lost / 2 ? [writer, written] : [undefined, 0];
}

/** Of those that run. */
function furthest(
  disks: readonly MeasuredDisk[],
  by: (disk: MeasuredDisk) => number,
): readonly [MeasuredDisk | undefined, number] {
  const [first] = disks.filter(({ runs }) => runs).toSorted((one, other) => by(other) - by(one));
  return [first, first ? by(first) : 0];
}

export function sizeText(bytes: number): string {
  return bytes >= gibibyte ? `${(bytes / gibibyte).toFixed(1)} GB` : `${Math.ceil(bytes / megabyte)} MB`;
}
