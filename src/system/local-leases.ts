import { PlatformError } from '../domain/errors.ts';
import type { HoldOptions, Lease, LeaseName, Leases, LeaseWait } from '../domain/leases.ts';

export interface LocalLeasesOptions {
  /** The next term of a name. Without it terms begin with 1 in each process, which is enough when processes share nothing. */
  readonly nextTerm?: (name: LeaseName) => Promise<number>;
}

/** Leases within one process, which is enough when one orchestrator has them all. */
export function createLocalLeases(options: LocalLeasesOptions = {}): Leases {
  return new LocalLeases(options.nextTerm ?? countedTerms());
}

/** One that holds a lease or waits for it. The first of a queue holds the lease. */
interface Claim {
  readonly purpose: string;
  readonly onWait: (wait: LeaseWait) => void;
  readonly granted: PromiseWithResolvers<void>;
  notified: LeaseWait | null;
}

class LocalLeases implements Leases {
  readonly #nextTerm: (name: LeaseName) => Promise<number>;
  readonly #queues = new Map<LeaseName, Claim[]>();
  readonly #closing = new AbortController();
  readonly #held = new Set<Promise<unknown>>();

  constructor(nextTerm: (name: LeaseName) => Promise<number>) {
    this.#nextTerm = nextTerm;
  }

  async hold<T>(name: LeaseName, work: (lease: Lease) => Promise<T>, options: HoldOptions): Promise<T> {
    const { purpose, onWait = () => undefined, signal: caller } = options;
    const signal = AbortSignal.any([this.#closing.signal, ...(caller ? [caller] : [])]);
    if (signal.aborted) throw cancelled(signal);
    const claim: Claim = { purpose, onWait, granted: Promise.withResolvers(), notified: null };
    const queue = this.#queues.get(name) ?? [];
    this.#queues.set(name, queue);
    queue.push(claim);
    const holding = this.#holdWhenGranted(name, claim, { work, signal });
    this.#held.add(holding);
    try {
      return await holding;
    } finally {
      this.#held.delete(holding);
    }
  }

  async isBusy(name: LeaseName): Promise<boolean> {
    return this.#queues.has(name);
  }

  async close(): Promise<void> {
    this.#closing.abort(new PlatformError('cancelled', 'The platform stops.'));
    await Promise.allSettled(this.#held);
  }

  async #holdWhenGranted<T>(
    name: LeaseName,
    claim: Claim,
    { work, signal }: { readonly work: (lease: Lease) => Promise<T>; readonly signal: AbortSignal },
  ): Promise<T> {
    const over = new AbortController();
    try {
      if (this.#queues.get(name)?.[0] !== claim) await this.#wait(name, claim, signal);
      const lease: Lease = {
        name,
        term: await this.#nextTerm(name),
        signal,
        async check() {
          if (signal.aborted || over.signal.aborted) throw cancelled(signal);
        },
      };
      if (signal.aborted) throw cancelled(signal);
      return await work(lease);
    } finally {
      over.abort();
      this.#leave(name, claim);
    }
  }

  async #wait(name: LeaseName, claim: Claim, signal: AbortSignal): Promise<void> {
    const { promise, reject } = claim.granted;
    const giveUp = () => reject(cancelled(signal));
    signal.addEventListener('abort', giveUp, { once: true });
    this.#notify(name);
    try {
      await promise;
    } finally {
      signal.removeEventListener('abort', giveUp);
    }
  }

  #leave(name: LeaseName, claim: Claim): void {
    const queue = this.#queues.get(name) ?? [];
    const index = queue.indexOf(claim);
    queue.splice(index, 1);
    if (queue.length === 0) this.#queues.delete(name);
    else if (index === 0) queue[0]?.granted.resolve();
    this.#notify(name);
  }

  #notify(name: LeaseName): void {
    const queue = this.#queues.get(name) ?? [];
    for (const [position, claim] of queue.entries()) {
      const inFront = queue[position - 1]?.purpose;
      if (inFront === undefined) continue;
      if (claim.notified?.position === position && claim.notified.inFront === inFront) continue;
      claim.notified = { position, inFront };
      claim.onWait(claim.notified);
    }
  }
}

function countedTerms(): () => Promise<number> {
  let term = 0;
  return async () => ++term;
}

function cancelled({ reason }: AbortSignal): PlatformError {
  if (reason instanceof PlatformError) return reason;
  return new PlatformError('cancelled', 'Cancelled before the lease was free, or after it had ended.');
}
