import { PlatformError } from '../domain/errors.ts';

/**
 * A request's JSON; nothing at all is no body. Throws `invalid_params` without quoting the text, it may hold secrets.
 * `__proto__` is refused as a name: assigned to a plain object it would set the prototype, or be lost in silence.
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
