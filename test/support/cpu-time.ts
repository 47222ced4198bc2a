/**
 * How long this process computed for `run`, ms. For work that would take the square of what a stranger sends: what else
 * the machine does meanwhile does not count, so a busy one fails no test.
 */
export function cpuMsOf(run: () => void): number {
  const before = process.cpuUsage();
  run();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}
