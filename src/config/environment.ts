export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The process environment; nothing else reads it. This file is separate from settings.ts, which checks the settings
 * with zod: the command-line client starts with this file and would pay 45 ms for a check that only the platform needs.
 */
export function environment(): Environment {
  return process.env;
}
