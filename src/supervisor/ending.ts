import { assertNever } from '../domain/errors.ts';
import { type Instance, processName } from '../domain/instance.ts';
import { insteadOf, type Listener } from './listening.ts';
import type { EndCause } from './step.ts';

/** The facts of an instance's end. */
export interface EndFacts {
  readonly instance: Pick<Instance, 'type' | 'slot' | 'size'>;
  readonly why: EndCause;
  /** Null when the engine lost the container. */
  readonly exitCode: number | null;
  /** The kernel killed one of its processes for its memory. */
  readonly outOfMemory: boolean;
  /** It was still running when the grace time after its stop signal was over. */
  readonly stubborn: boolean;
  /** The name of the signal that asked it to end. */
  readonly stopSignal: string;
  /** Where it may serve. */
  readonly ports: readonly number[];
  /** Where it listened at its boot timeout; null when that is unknown. */
  readonly listeners: readonly Listener[] | null;
  /** Its time limit, when that is why it was asked to stop; otherwise null. */
  readonly lifeMs: number | null;
  readonly settings: {
    readonly bootTimeoutMs: number;
    readonly stopGraceMs: number;
    readonly cloudletMemoryBytes: number;
  };
}

const killedExitCode = 137;

/** How the instance ended, in one sentence with its number. Uses Heroku's words where there are any (contracts/heroku.md 3.3). Pure. */
export function endReason(facts: EndFacts): string {
  const { instance, why, exitCode, outOfMemory, stubborn, stopSignal, ports, listeners, lifeMs, settings } = facts;
  const name = processName(instance);
  if (outOfMemory && exitCode === killedExitCode && why !== 'boot-timeout' && why !== 'asked') {
    return `${memoryExceeded}: ${name} was killed at its limit of ${limitOf(instance, settings)} MiB`;
  }
  switch (why) {
    case 'exit':
    case 'asked':
      if (why === 'asked' && stubborn) {
        return `Error R12 (Exit timeout): ${name} did not exit within ${settings.stopGraceMs / 1000} s of ${stopSignal}`;
      }
      if (why === 'asked' && lifeMs !== null)
        return `${name} was asked to stop after ${lifeMs / 1000} s, its time limit`;
      return exitCode === null ? 'Process ended' : `Process exited with status ${exitCode}`;
    case 'boot-timeout':
      return [
        `Error R10 (Boot timeout): ${name} did not answer on port ${oneOf(ports)} within ${settings.bootTimeoutMs / 1000} s`,
        ...(listeners === null ? [] : [insteadOf(ports, listeners)]),
      ].join(': ');
    case 'gone':
      return `The container of ${name} was removed by somebody else`;
    case 'cut-off':
      return `The network of ${name} was taken away by somebody else`;
    case 'abandoned':
      return `The terminal of ${name} went away when the platform was restarted`;
    case 'never-started':
      return 'Stopped before it started';
    default:
      return assertNever(why, 'end of an instance');
  }
}

function oneOf(ports: readonly number[]): string {
  return ports.length < 2 ? ports.join('') : `${ports.slice(0, -1).join(', ')} or ${ports.at(-1)}`;
}

/** The reason of the event for an instance that runs on after one of its processes was killed for its memory. */
export function outOfMemoryReason(instance: EndFacts['instance'], settings: EndFacts['settings']): string {
  return `${memoryExceeded}: a process of ${processName(instance)} was killed at the limit of ${limitOf(instance, settings)} MiB`;
}

const memoryExceeded = 'Error R15 (Memory quota vastly exceeded)';

function limitOf({ size }: EndFacts['instance'], { cloudletMemoryBytes }: EndFacts['settings']): number {
  return (size.limit * cloudletMemoryBytes) / (1024 * 1024);
}
