/**
 * The domain for which a client would keep the cookie: the last Domain that is not empty (RFC 6265 5.2.3), as clients
 * compare it. Null when the cookie is for the host only.
 */
export function cookieDomain(setCookie: string): string | null {
  let domain: string | null = null;
  for (const attribute of setCookie.split(';').slice(1)) {
    const equals = attribute.indexOf('=');
    if (equals === -1 || attribute.slice(0, equals).trim().toLowerCase() !== 'domain') continue;
    const value = canonical(attribute.slice(equals + 1).trim());
    if (value !== '') domain = value;
  }
  return domain;
}

/** Whether a cookie for `domain` reaches `hostname`. */
export function reaches(domain: string, hostname: string): boolean {
  return hostname === domain || hostname.endsWith(`.${domain}`);
}

/**
 * Clients read the domain as the host of a URL. Some take quotes away, and Chrome decodes `%61` and turns full-width letters into plain ones.
 */
function canonical(text: string): string {
  const host = text
    .replace(/^"(.*)"$/, '$1')
    .toLowerCase()
    .replace(/^\.+|\.+$/g, '');
  if (!/[^a-z0-9._-]/.test(host)) return host;
  // A byte of a field is one character here.
  const url = `http://${Buffer.from(host, 'latin1').toString('utf8')}/`;
  return URL.canParse(url) ? new URL(url).hostname.replace(/^\.+|\.+$/g, '') : host;
}
