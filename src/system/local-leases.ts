import { PlatformError } from '../domain/errors.ts';
import type { HoldOptions, Lease, LeaseName, Leases, LeaseWait } from '../domain/leases.ts';

export interface LocalLeasesOptions {
  /** The next term of a name. Without it terms begin with 1 in each process, which is enough where processes share nothing. */
  readonly nextTerm?: (name: LeaseName) => Promise<number>;
}

/** Leases within one process, which is whole where one orchestrator has all. */
export function createLocalLeases(options: LocalLeasesOptions = {}): Leases {
  return new LocalLeases(options.nextTerm ?? countedTerms());
}

/** In front of each line stands the one that holds the lease. */
interface Standing {
  readonly purpose: string;
  readonly onWait: (wait: LeaseWait) => void;
  readonly turn: PromiseWithResolvers<void>;
  told: LeaseWait | null;
}

class LocalLeases implements Leases {
  readonly #nextTerm: (name: LeaseName) => Promise<number>;
  readonly #lines = new Map<LeaseName, Standing[]>();
  readonly #closing = new AbortController();
  readonly #held = new Set<Promise<unknown>>();

  constructor(nextTerm: (name: LeaseName) => Promise<number>) {
    this.#nextTerm = nextTerm;
  }

  async hold<T>(name: LeaseName, work: (lease: Lease) => Promise<T>, options: HoldOptions): Promise<T> {
    const { purpose, onWait = () => undefined, signal: caller } = options;
    const signal = AbortSignal.any([this.#closing.signal, ...(caller ? [caller] : [])]);
    if (signal.aborted) throw cancelled(signal);
    const standing: Standing = { purpose, onWait, turn: Promise.withResolvers(), told: null };
    const line = this.#lines.get(name) ?? [];
    this.#lines.set(name, line);
    line.push(standing);
    const holding = this.#inTurn(name, standing, { work, signal });
    this.#held.add(holding);
    try {
      return await holding;
    } finally {
      this.#held.delete(holding);
    }
  }

  async isBusy(name: LeaseName): Promise<boolean> {
    return this.#lines.has(name);
  }

  async close(): Promise<void> {
    this.#closing.abort(new PlatformError('cancelled', 'The platform stops.'));
    await Promise.allSettled(this.#held);
  }

  async #inTurn<T>(
    name: LeaseName,
    standing: Standing,
    { work, signal }: { readonly work: (lease: Lease) => Promise<T>; readonly signal: AbortSignal },
  ): Promise<T> {
    const over = new AbortController();
    try {
      if (this.#lines.get(name)?.[0] !== standing) await this.#wait(name, standing, signal);
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
      this.#leave(name, standing);
    }
  }

  async #wait(name: LeaseName, standing: Standing, signal: AbortSignal): Promise<void> {
    const { promise, reject } = standing.turn;
    const giveUp = () => reject(cancelled(signal));
    signal.addEventListener('abort', giveUp, { once: true });
    this.#tell(name);
    try {
      await promise;
    } finally {
      signal.removeEventListener('abort', giveUp);
    }
  }

  #leave(name: LeaseName, standing: Standing): void {
    const line = this.#lines.get(name) ?? [];
    const index = line.indexOf(standing);
    line.splice(index, 1);
    if (line.length === 0) this.#lines.delete(name);
    else if (index === 0) line[0]?.turn.resolve();
    this.#tell(name);
  }

  #tell(name: LeaseName): void {
    const line = this.#lines.get(name) ?? [];
    for (const [position, standing] of line.entries()) {
      const inFront = line[position - 1]?.purpose;
      if (inFront === undefined) continue;
      if (standing.told?.position === position && standing.told.inFront === inFront) continue;
      standing.told = { position, inFront };
      standing.onWait(standing.told);
    }
  }
}

function countedTerms(): () => Promise<number> {
  let term = 0;
  return async () => ++term;
}

function cancelled({ reason }: AbortSignal): PlatformError {
  if (reason instanceof PlatformError) return reason;
  return new PlatformError('cancelled', 'Cancelled before its turn came, or after it was over.');
}
