import type { ContainerDisk, HostHands } from '../../domain/host-hands.ts';
import { startScale } from '../jail/disk-scale.ts';
import type { Guard } from '../jail/guard.ts';
import type { JailLimits } from '../jail/limits.ts';

/** The build argument that every step gets in its environment and no cache key contains (Docker's reference, "Predefined ARGs"). */
const carrier = 'NO_PROXY';

export type StepHands = Pick<HostHands, 'whyNotCounted' | 'stepDisks' | 'disks'>;

/** A name that is no host's, by which the steps of one build are found on the host. */
export function stepMark(buildId: string): string {
  return `${buildId}.build.invalid`;
}

/** Adds the mark to the proxy exceptions of the steps. Programs compare it with names of hosts, and none is the same. */
export function withMark(buildArgs: Readonly<Record<string, string>>, mark: string): Readonly<Record<string, string>> {
  const names = Object.keys(buildArgs).filter((name) => name.toUpperCase() === carrier);
  const marked = (names.length === 0 ? [carrier] : names).map((name) => {
    const exceptions = buildArgs[name] ?? '';
    return [name, exceptions === '' ? mark : `${exceptions},${mark}`];
  });
  return { ...buildArgs, ...Object.fromEntries(marked) };
}

/** Limits what all steps of a build have written, as last counted of each. Without effect where the host cannot count. */
export async function limitStepDisks(
  hands: StepHands,
  { guard, limits, mark }: { readonly guard: Guard; readonly limits: JailLimits; readonly mark: string },
): Promise<Disposable> {
  if ((await hands.whyNotCounted()) !== null) return { [Symbol.dispose]: () => undefined };
  const steps = new Map<string, ContainerDisk>();
  const count = async (signal: AbortSignal): Promise<ContainerDisk> => {
    for (const [step, disk] of await hands.stepDisks(mark, signal)) steps.set(step, disk);
    const all = [...steps.values()];
    return { bytes: sumOf(all.map(({ bytes }) => bytes)), files: sumOf(all.map(({ files }) => files)) };
  };
  return startScale({ guard, limits, hands, count });
}

function sumOf(numbers: readonly number[]): number {
  return numbers.reduce((sum, number) => sum + number, 0);
}
