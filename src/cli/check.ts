import type { Answer } from './client.ts';

/** One line of `paas doctor`, in the form of the platform's own checks. */
export type Check = Answer<'GET /platform/status'>['checks'][number];

export const probeTimeoutMs = 10_000;

export function ok(name: string, message: string): Check {
  return { name, state: 'ok', message, fix: null };
}
