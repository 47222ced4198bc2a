import { environment } from '../../src/config/environment.ts';

/**
 * How much slower this machine is than the one that the deadlines of tests were written on; at least 1. The runner measures
 * it once (`runner/pace.ts`) and hands it to every test file.
 */
const pace = Math.max(1, Number(environment().PAAS_TEST_PACE) || 1);

/** A deadline in milliseconds that finds what hangs, on this machine. Times that a test promises are not scaled. */
export function scaled(deadlineMs: number): number {
  return Math.ceil(deadlineMs * pace);
}
