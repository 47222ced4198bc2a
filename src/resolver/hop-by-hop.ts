/** Fields that are for one connection only, in both directions (RFC 9110 7.6.1). Transfer-Encoding is framing, and stays. */
export const hopByHop: ReadonlySet<string> = new Set(['connection', 'keep-alive', 'proxy-connection', 'upgrade']);

/** Dropping these would change where the message ends, or where it goes: they stay even when the Connection field names them. */
const neverNamed = ['host', 'content-length', 'transfer-encoding', 'expect'] as const;

/** Further fields that the Connection field declares to be for this connection only; null for the usual case, none. */
export function namedInConnection(value: string | undefined): ReadonlySet<string> | null {
  if (value === undefined || value === 'keep-alive' || value === 'close') return null;
  const named = new Set(
    value
      .toLowerCase()
      .split(',')
      .map((name) => name.trim()),
  );
  for (const name of neverNamed) named.delete(name);
  return named;
}
