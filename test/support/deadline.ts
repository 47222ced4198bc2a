import { environment } from '../../src/config/environment.ts';

/**
 * A deadline in milliseconds that finds what hangs, on this machine: the runner measures once how much slower it is than
 * the one that the deadlines were written on (`runner/pace.ts`), and hands that to every test file. Times that a test
 * promises are not scaled.
 */
export function scaled(deadlineMs: number): number {
  return Math.ceil(deadlineMs * Math.max(1, Number(environment().PAAS_TEST_PACE) || 1));
}
