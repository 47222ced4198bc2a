/**
 * Fields that concern one connection only, in requests and in answers (RFC 9110 7.6.1). Transfer-Encoding is framing
 * and is kept.
 */
export const hopByHop: ReadonlySet<string> = new Set(['connection', 'keep-alive', 'proxy-connection', 'upgrade']);

/**
 * Fields that are kept even when the Connection field names them: without them the message would end somewhere
 * else, or go to another host.
 */
const neverNamed = ['host', 'content-length', 'transfer-encoding', 'expect'] as const;

/** Further fields that the Connection field declares to concern this connection only. Null for none, the usual case. */
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
