import { PlatformError } from '../domain/errors.ts';

/**
 * The path of an image in the engine's API. References contain slashes, which the API needs unescaped. So a reference that
 * could change the path throws `invalid_params`.
 */
export function imagePath(ref: string, verb = ''): string {
  if (!/^[a-zA-Z0-9][a-zA-Z0-9._\-/:@]*$/.test(ref) || ref.includes('..') || ref.includes('//')) {
    throw new PlatformError('invalid_params', `"${ref}" is no image reference.`);
  }
  return `/images/${ref}${verb}`;
}

/** The two parts of `repository:tag`. Without a tag it is `latest`. */
export function splitTag(ref: string): { readonly repo: string; readonly tag: string } {
  const colon = ref.lastIndexOf(':');
  if (colon === -1 || ref.indexOf('/', colon) !== -1) return { repo: ref, tag: 'latest' };
  return { repo: ref.slice(0, colon), tag: ref.slice(colon + 1) };
}

/** `127.0.0.1:5000` of `127.0.0.1:5000/shop:v1`. Null if the reference names no registry. */
export function registryOf(ref: string): string | null {
  const [first = '', ...rest] = ref.split('/');
  return rest.length > 0 && (/[.:]/.test(first) || first === 'localhost') ? first : null;
}
