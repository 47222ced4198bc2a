import { assertNever } from '../domain/errors.ts';
import { type Instance, processName } from '../domain/instance.ts';
import { insteadOf, type Listener } from './listening.ts';
import type { EndCause } from './step.ts';

/** What is known of an instance's end. */
export interface EndFacts {
  readonly instance: Pick<Instance, 'type' | 'slot' | 'size' | 'port'>;
  readonly why: EndCause;
  /** Null when the engine lost the container. */
  readonly exitCode: number | null;
  /** The kernel killed it, or one of its processes, for its memory. */
  readonly outOfMemory: boolean;
  /** It was still there when its time after SIGTERM was over. */
  readonly stubborn: boolean;
  /** Where it listened when its time to boot was over; null when nobody knows. */
  readonly listeners: readonly Listener[] | null;
  /** How long it was allowed to run, when it was asked to stop for that; otherwise null. */
  readonly lifeMs: number | null;
  readonly settings: {
    readonly bootTimeoutMs: number;
    readonly stopGraceMs: number;
    readonly cloudletMemoryBytes: number;
  };
}

const killed = 137;

/** How it ended, in one sentence with its number; in Heroku's words where Heroku has some (contracts/heroku.md 3.3). Pure. */
export function endReason(facts: EndFacts): string {
  const { instance, why, exitCode, outOfMemory, stubborn, listeners, lifeMs, settings } = facts;
  const name = processName(instance);
  if (outOfMemory && exitCode === killed && why !== 'boot-timeout' && why !== 'asked') {
    return `${memoryExceeded}: ${name} was killed at its limit of ${limitOf(instance, settings)} MiB`;
  }
  switch (why) {
    case 'exit':
    case 'asked':
      if (why === 'asked' && stubborn) {
        return `Error R12 (Exit timeout): ${name} did not exit within ${settings.stopGraceMs / 1000} s of SIGTERM`;
      }
      if (why === 'asked' && lifeMs !== null)
        return `${name} was asked to stop after ${lifeMs / 1000} s, its time limit`;
      return exitCode === null ? 'Process ended' : `Process exited with status ${exitCode}`;
    case 'boot-timeout':
      return [
        `Error R10 (Boot timeout): ${name} did not answer on port ${instance.port} within ${settings.bootTimeoutMs / 1000} s`,
        ...(listeners === null || instance.port === null ? [] : [insteadOf(instance.port, listeners)]),
      ].join(': ');
    case 'gone':
      return `The container of ${name} was removed by somebody else`;
    case 'cut-off':
      return `The network of ${name} was taken away by somebody else`;
    case 'abandoned':
      return `The terminal of ${name} went away when the platform was restarted`;
    case 'never-started':
      return 'Not wanted any more before it started';
    default:
      return assertNever(why, 'end of an instance');
  }
}

/** One of its processes was killed for its memory, and the instance goes on. */
export function outOfMemoryReason(instance: EndFacts['instance'], settings: EndFacts['settings']): string {
  return `${memoryExceeded}: a process of ${processName(instance)} was killed at the limit of ${limitOf(instance, settings)} MiB`;
}

const memoryExceeded = 'Error R15 (Memory quota vastly exceeded)';

function limitOf({ size }: EndFacts['instance'], { cloudletMemoryBytes }: EndFacts['settings']): number {
  return (size * cloudletMemoryBytes) / (1024 * 1024);
}
