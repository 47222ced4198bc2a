import { PlatformError } from './errors.ts';
import { nameRule } from './names.ts';

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

const appNamePattern = /^[a-z][a-z0-9-]{0,28}[a-z0-9]$|^[a-z]$/;

/**
 * Returns the name unchanged, or throws `invalid_params`. Every name of an app enters the platform through this check.
 * `isAllowed`: whether an administrator has allowed the account this name.
 */
export function parseAppName(input: string, isAllowed = false): string {
  if (!appNamePattern.test(input)) {
    throw new PlatformError(
      'invalid_params',
      `${JSON.stringify(input.slice(0, 64))} is not an app name: 1 to 30 characters a-z, 0-9 and -, starting with a letter and not ending with -.`,
      { hint: 'Choose another name, for example: paas create hello' },
    );
  }
  const rule = nameRule(input);
  if (rule.for === 'anybody' || (rule.for === 'allowed' && isAllowed)) return input;
  const hint = 'Choose another name, for example: paas create hello';
  if (rule.for === 'nobody') {
    throw new PlatformError('invalid_params', `${input} is a name that the platform uses itself.`, { hint });
  }
  const why =
    rule.why === 'international'
      ? `${input} stands for letters other than a-z, which may look like another name`
      : `${input} is reserved: people and programs look for the platform's own service under this name`;
  throw new PlatformError('invalid_params', `${why}, so only an administrator of the platform can allow it.`, {
    hint: `Choose another name, or ask them for: paas names:allow ${input}`,
  });
}
