import { environment } from '../../src/config/environment.ts';

/**
 * Scales a deadline in milliseconds to this machine, to find what hangs. The runner measures once how much slower this
 * machine is than the one that the deadlines were written on (`runner/pace.ts`), and passes that to every test file. Times
 * that a test promises are not scaled.
 */
export function scaled(deadlineMs: number): number {
  return Math.ceil(deadlineMs * Math.max(1, Number(environment().PAAS_TEST_PACE) || 1));
}
