import { PlatformError } from '../domain/errors.ts';
import type { ApiSettings } from './api-settings.ts';
import { derivedId } from './derived-id.ts';

/** The only region, with the fields that Heroku's clients read. */
export function regionOf(_settings: ApiSettings) {
  return { id: derivedId('region', 'local'), name: 'local' };
}

/** The only stack, with the fields that Heroku's clients read. */
export function stackOf(settings: ApiSettings) {
  return { id: derivedId('stack', settings.stackSuite), name: settings.stackSuite };
}

/** Without this field Heroku's client looks for "cedar" or "fir" in the app's name. */
export const generation = { id: derivedId('generation', 'cedar'), name: 'cedar' };

/** Throws `invalid_params` unless `asked` is undefined, or the name or id of `only`. */
export function checkChoice(
  what: string,
  asked: string | undefined,
  only: { readonly id: string; readonly name: string },
): void {
  if (asked === undefined || asked === only.name || asked === only.id) return;
  throw new PlatformError(
    'invalid_params',
    `There is no ${what} ${JSON.stringify(asked.slice(0, 64))}: the only one is ${only.name}.`,
  );
}
