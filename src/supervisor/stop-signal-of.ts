import type { Artifact } from '../domain/build.ts';
import type { Instance } from '../domain/instance.ts';
import { defaultStopSignal, signalNumber } from '../domain/stop-signal.ts';

/** The signal that asks the instance to end. A one-off of a Dockerfile's image gets the image's own, like its process types. */
export function stopSignalOf({ type }: Pick<Instance, 'type'>, { processes, launcher }: Artifact): string {
  const [first] = processes;
  const process = processes.find((candidate) => candidate.type === type) ?? (launcher === null ? first : undefined);
  const stopSignal = process?.stopSignal;
  return stopSignal !== undefined && signalNumber(stopSignal) !== null ? stopSignal : defaultStopSignal;
}
