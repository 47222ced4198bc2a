import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** The most that the resolver should have resident, whatever it is sent: contracts/hardening.md. `paas doctor` shows it. */
export const memoryLimitBytes = 150 * 1024 * 1024;

/** From here on garbage is collected that V8 would keep, because it does not know that others need the memory. */
const collectAtBytes = 110 * 1024 * 1024;

/** So much has to have come since the last collection. */
const worthBytes = 8 * 1024 * 1024;

/**
 * Keeps the process small after a crowd has left. V8 collects when it allocates, so a process that has become idle keeps
 * what it took in its busiest second. To be called every few seconds.
 */
export class MemoryKeeper {
  #collectedAtBytes = 0;
  #collect: (() => void) | null = null;

  check(residentBytes: number): void {
    if (residentBytes < collectAtBytes) this.#collectedAtBytes = 0;
    else if (residentBytes - this.#collectedAtBytes >= worthBytes) {
      this.#collect ??= collector();
      this.#collect();
      this.#collectedAtBytes = process.memoryUsage.rss();
    }
  }
}

function collector(): () => void {
  setFlagsFromString('--expose-gc');
  return runInNewContext('gc') as () => void;
}
