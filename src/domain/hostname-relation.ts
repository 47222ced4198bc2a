import { domainToUnicode } from 'node:url';

/** The name itself, or what a wildcard stands below: `example.com` for `*.example.com`. */
export function baseOf(hostname: string): string {
  return hostname.startsWith('*.') ? hostname.slice(2) : hostname;
}

/**
 * All wildcards that cover the hostname, or stand above it: `*.example.com` and `*.com` for `www.example.com`, and
 * `*.www.example.com`, whose owner speaks for the name too.
 */
export function wildcardsOver(hostname: string): readonly string[] {
  const labels = baseOf(hostname).split('.');
  return labels.map((_, at) => `*.${labels.slice(at).join('.')}`);
}

/**
 * Whether people may take the hostname for the platform's domain, its parent, or a name below them: a letter other than a-z
 * may look like any letter, and each of a-z only like itself.
 */
export function looksLikeDomain(hostname: string, domain: string): boolean {
  const wanted = domain.split('.');
  const given = baseOf(hostname).split('.');
  for (let count = Math.min(2, wanted.length); count <= Math.min(wanted.length, given.length); count += 1) {
    const labels = given.slice(-count);
    const isOther = labels.some((label) => label.startsWith('xn--'));
    if (isOther && wanted.slice(-count).every((label, at) => looksLike(labels[at] ?? '', label))) return true;
  }
  return false;
}

function looksLike(label: string, wanted: string): boolean {
  const shown = [...domainToUnicode(label).normalize('NFKD').replace(/\p{M}/gu, '')];
  const isLike = (letter: string, at: number) => letter > '~' || letter === wanted[at];
  return shown.length === wanted.length && shown.every(isLike);
}
