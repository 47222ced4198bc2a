import { assertNever } from '../domain/errors.ts';
import type { InstanceDesired, InstanceState } from '../domain/instance.ts';

/** The facts of an instance at one moment. */
export interface StepFacts {
  readonly desired: InstanceDesired;
  readonly state: InstanceState;
  /** `unknown`: the engine was not asked yet. `none`: there is no container, or no more. */
  readonly container: 'unknown' | 'none' | 'created' | 'running' | 'exited';
  /** It runs without its network, so nothing can reach it. */
  readonly cutOff: boolean;
  /** It is a one-off whose terminal was lost with an earlier orchestrator. */
  readonly abandoned: boolean;
  /** Milliseconds until it may start; 0 or less means now. */
  readonly startInMs: number;
  /** `ready`: web answers on its port, another type has run for a moment. */
  readonly readiness: 'unknown' | 'ready' | 'timed-out';
  /** Its requests have finished, or their time is over. */
  readonly drained: boolean;
  /** An exit of its own is its normal end, not a crash. */
  readonly oneShot: boolean;
}

export type EndCause = 'exit' | 'gone' | 'boot-timeout' | 'cut-off' | 'asked' | 'abandoned' | 'never-started';

/** The one next action. The supervisor performs it and asks again. */
export type Action =
  | { readonly kind: 'look' }
  | { readonly kind: 'start' }
  | { readonly kind: 'wait'; readonly ms: number | null }
  | { readonly kind: 'await-readiness' }
  | { readonly kind: 'mark'; readonly state: 'up' | 'draining' }
  | { readonly kind: 'drain' }
  | { readonly kind: 'stop' }
  | { readonly kind: 'finish'; readonly state: 'stopped' | 'crashed'; readonly why: EndCause }
  | { readonly kind: 'done' };

/** The next action for an instance, from the facts at this moment. Pure. After a crash between two actions, asking again is the repair. */
export function step(facts: StepFacts): Action {
  switch (facts.state) {
    case 'placed':
      return stepPlaced(facts);
    case 'starting':
      return stepStarting(facts);
    case 'up':
      return stepUp(facts);
    case 'draining':
      return stepDraining(facts);
    case 'stopped':
    case 'crashed':
    case 'refused':
    case 'lost':
      return { kind: 'done' };
    default:
      return assertNever(facts.state, 'instance state');
  }
}

function stepPlaced(facts: StepFacts): Action {
  if (facts.desired === 'stopped') return { kind: 'finish', state: 'stopped', why: 'never-started' };
  if (facts.startInMs > 0) return { kind: 'wait', ms: facts.startInMs };
  return { kind: 'start' };
}

function stepStarting(facts: StepFacts): Action {
  if (facts.container === 'unknown') return { kind: 'look' };
  if (facts.desired === 'stopped') return leave(facts);
  // The platform crashed between the write of `starting` and the start. The container's name makes this the same start.
  if (facts.container === 'none' || facts.container === 'created') return { kind: 'start' };
  if (facts.container === 'exited') return ended(facts);
  if (facts.abandoned) return { kind: 'mark', state: 'draining' };
  if (facts.cutOff) return { kind: 'finish', state: 'crashed', why: 'cut-off' };
  if (facts.readiness === 'ready') return { kind: 'mark', state: 'up' };
  if (facts.readiness === 'timed-out') return { kind: 'finish', state: 'crashed', why: 'boot-timeout' };
  return { kind: 'await-readiness' };
}

function stepUp(facts: StepFacts): Action {
  if (facts.container === 'unknown') return { kind: 'look' };
  if (facts.desired === 'stopped') return leave(facts);
  if (facts.container === 'exited') return ended(facts);
  if (facts.container !== 'running') return { kind: 'finish', state: 'crashed', why: 'gone' };
  if (facts.abandoned) return { kind: 'mark', state: 'draining' };
  if (facts.cutOff) return { kind: 'finish', state: 'crashed', why: 'cut-off' };
  return { kind: 'wait', ms: null };
}

function stepDraining(facts: StepFacts): Action {
  if (facts.container === 'unknown') return { kind: 'look' };
  if (facts.container !== 'running') {
    return { kind: 'finish', state: 'stopped', why: facts.abandoned ? 'abandoned' : 'asked' };
  }
  return facts.drained ? { kind: 'stop' } : { kind: 'drain' };
}

function leave(facts: StepFacts): Action {
  if (facts.container === 'running') return { kind: 'mark', state: 'draining' };
  return { kind: 'finish', state: 'stopped', why: 'asked' };
}

function ended(facts: StepFacts): Action {
  return { kind: 'finish', state: facts.oneShot ? 'stopped' : 'crashed', why: 'exit' };
}
