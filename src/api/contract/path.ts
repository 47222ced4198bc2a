import { PlatformError } from '../../domain/errors.ts';

/** Sent with every request; the server takes version 3 with any suffix (`.sdk`, `.pipelines`). */
export const mediaType = 'application/vnd.heroku+json; version=3';

/**
 * `/apps/{app}` with the values in place, each encoded: a name can never become another path. Throws `invalid_params`
 * for an empty value and for the dot segments, which URL parsers resolve even when they are encoded.
 */
export function fillPath(path: string, params: Readonly<Record<string, string>>): string {
  return path.replace(/\{(\w+)\}/g, (_, name: string) => {
    const value = params[name] ?? '';
    if (value === '' || value === '.' || value === '..') {
      throw new PlatformError('invalid_params', `${JSON.stringify(value)} is no ${name}.`);
    }
    return encodeURIComponent(value);
  });
}
