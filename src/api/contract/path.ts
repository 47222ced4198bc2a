import { PlatformError } from '../../domain/errors.ts';

/** Sent with every request. The server accepts version 3 with any suffix (`.sdk`, `.pipelines`). */
export const mediaType = 'application/vnd.heroku+json; version=3';

/**
 * Fills the values into a path such as `/apps/{app}`, each encoded, so that no value can lead to another path. Throws
 * `invalid_params` for an empty value and for dot segments, which URL parsers resolve even when they are encoded.
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
