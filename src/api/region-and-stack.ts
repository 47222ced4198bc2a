import { PlatformError } from '../domain/errors.ts';
import type { ApiSettings } from './api-settings.ts';
import { derivedId } from './derived-id.ts';

/** Where apps run and what they are built on. One of each for now, with the fields that Heroku's clients look at. */
export function regionOf(_settings: ApiSettings) {
  return { id: derivedId('region', 'local'), name: 'local' };
}

export function stackOf(settings: ApiSettings) {
  return { id: derivedId('stack', settings.stackSuite), name: settings.stackSuite };
}

/** Without it Heroku's client tells the generation by looking for "cedar" or "fir" in the app's name. */
export const generation = { id: derivedId('generation', 'cedar'), name: 'cedar' };

/** Throws `invalid_params` unless the one that was asked for, by name or id, is the one there is. */
export function checkChoice(
  what: string,
  asked: string | undefined,
  only: { readonly id: string; readonly name: string },
): void {
  if (asked === undefined || asked === only.name || asked === only.id) return;
  throw new PlatformError(
    'invalid_params',
    `There is no ${what} ${JSON.stringify(asked.slice(0, 64))}: ${only.name} is the one there is.`,
  );
}
