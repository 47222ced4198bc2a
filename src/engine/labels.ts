import type { Labels } from '../domain/labels.ts';

/** The engine's filter for objects that carry all of these labels. */
export function labelFilter(labels: Labels): { readonly label: readonly string[] } {
  return { label: Object.entries(labels).map(([name, value]) => `${name}=${value}`) };
}

/** True if `actual` has all of `wanted`, so that an object of this name is the platform's own. */
export function carries(actual: Labels | null | undefined, wanted: Labels): boolean {
  return Object.entries(wanted).every(([name, value]) => actual?.[name] === value);
}
