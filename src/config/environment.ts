export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The process environment, and the only line that reads it. Apart from config.ts, which checks it with zod, because the
 * command-line client starts with this file and would pay 45 ms for the check that only the platform needs.
 */
export function environment(): Environment {
  return process.env;
}
