import { PlatformError } from './errors.ts';

/** What a user creates and pushes to. Its id is a UUID that never changes; its name can change. */
export interface App {
  readonly id: string;
  readonly name: string;
  readonly ownerId: string;
  readonly maintenance: boolean;
  /** How often its build cache was purged. A build uses only what builds with the same number left. */
  readonly cacheGeneration: number;
  /** The user of its instances, and the first of the users that only this app has (app-user.ts). Never given to another app. */
  readonly uid: number;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

/** Names of the platform's own hostnames under its domain, and `constructor`, which every JavaScript object has as a property. */
export const reservedAppNames: ReadonlySet<string> = new Set([
  'api',
  'git',
  'dashboard',
  'www',
  'localhost',
  'paas',
  'constructor',
]);

const appNamePattern = /^[a-z][a-z0-9-]{0,28}[a-z0-9]$|^[a-z]$/;

/** Returns the name unchanged, or throws `invalid_params`. Every name of an app enters the platform through this check. */
export function parseAppName(input: string): string {
  if (!appNamePattern.test(input)) {
    throw new PlatformError(
      'invalid_params',
      `${JSON.stringify(input.slice(0, 64))} is not an app name: 1 to 30 characters a-z, 0-9 and -, starting with a letter and not ending with -.`,
      { hint: 'Choose another name, for example: paas create hello' },
    );
  }
  if (reservedAppNames.has(input)) {
    throw new PlatformError('invalid_params', `${input} is a name that the platform uses itself.`, {
      hint: 'Choose another name, for example: paas create hello',
    });
  }
  return input;
}
