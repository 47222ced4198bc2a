/*
 * Work is measured in CPU time: other work of the machine does not count, so a busy machine fails no test.
 */

/** The CPU time of `run` in this process, ms. For work that could grow with the square of untrusted input. */
export function cpuMsOf(run: () => void): number {
  const before = process.cpuUsage();
  run();
  return milliseconds(process.cpuUsage(before));
}

/** Measures the longest time that the event loop was blocked, in ms of CPU time, until it is stopped. */
export class EventLoopBlocking {
  #since = process.threadCpuUsage();
  #longestMs = 0;
  readonly #timer: NodeJS.Timeout;

  constructor() {
    this.#timer = setInterval(() => this.#measure(), 5);
  }

  stop(): number {
    clearInterval(this.#timer);
    this.#measure();
    return this.#longestMs;
  }

  #measure(): void {
    this.#longestMs = Math.max(this.#longestMs, milliseconds(process.threadCpuUsage(this.#since)));
    this.#since = process.threadCpuUsage();
  }
}

function milliseconds({ user, system }: NodeJS.CpuUsage): number {
  return (user + system) / 1000;
}
