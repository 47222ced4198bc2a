/*
 * Work is measured in the time that a processor spent on it: what else the machine does meanwhile does not count, so a
 * busy one fails no test.
 */

/** How long this process computed for `run`, ms. For work that would take the square of what a stranger sends. */
export function cpuMsOf(run: () => void): number {
  const before = process.cpuUsage();
  run();
  return milliseconds(process.cpuUsage(before));
}

/** Measures how long at most the event loop was kept from everything else, ms of computing, until it is stopped. */
export class BusyTurns {
  #since = process.threadCpuUsage();
  #longestMs = 0;
  readonly #timer: NodeJS.Timeout;

  constructor() {
    this.#timer = setInterval(() => this.#turn(), 5);
  }

  stop(): number {
    clearInterval(this.#timer);
    this.#turn();
    return this.#longestMs;
  }

  #turn(): void {
    this.#longestMs = Math.max(this.#longestMs, milliseconds(process.threadCpuUsage(this.#since)));
    this.#since = process.threadCpuUsage();
  }
}

function milliseconds({ user, system }: NodeJS.CpuUsage): number {
  return (user + system) / 1000;
}
