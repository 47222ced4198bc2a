import { PlatformError } from '../domain/errors.ts';

/**
 * Parses a request's JSON; undefined for an empty body. Throws `invalid_params` without the text, which may hold
 * secrets. Refuses `__proto__` as a name: assigned to a plain object it would set the prototype, or be lost without an
 * error.
 */
export function parseJson(text: string): unknown {
  if (text.trim() === '') return undefined;
  let wrongName = false;
  let value: unknown;
  try {
    value = JSON.parse(text, (name, inner: unknown) => {
      if (name === '__proto__') wrongName = true;
      return inner;
    });
  } catch {
    throw new PlatformError('invalid_params', 'The request body is not valid JSON.');
  }
  if (wrongName) throw new PlatformError('invalid_params', '__proto__ cannot be a name.');
  return value;
}
