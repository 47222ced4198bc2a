import { MalformedAnswer, shown } from './answer-fields.ts';
import type { AnswerHead } from './answer-head.ts';

/** How the body of an answer ends: `none` has no body, `close` ends with the connection. */
export type Framing =
  | { readonly kind: 'none' }
  | { readonly kind: 'length'; readonly bytes: number }
  | { readonly kind: 'chunks' }
  | { readonly kind: 'close' };

export interface FramedAnswer {
  readonly head: AnswerHead;
  readonly framing: Framing;
  /** Whether the connection may carry another request. */
  readonly keepsConnection: boolean;
}

/**
 * Decides how the answer's body ends (RFC 9112 6.3). The fields of the result have at most one of Content-Length and
 * Transfer-Encoding, and it once. Throws `MalformedAnswer`.
 */
export function frame(head: AnswerHead, method: string): FramedAnswer {
  const lengths: string[] = [];
  const codings: string[] = [];
  const fields: string[] = [];
  let connection: string | undefined;
  for (let at = 0; at < head.fields.length; at += 2) {
    const name = head.fields[at] ?? '';
    const value = head.fields[at + 1] ?? '';
    switch (name.length < 18 ? name.toLowerCase() : '') {
      case 'content-length':
        lengths.push(value);
        continue;
      case 'transfer-encoding':
        codings.push(value);
        continue;
      case 'connection':
        connection = connection === undefined ? value : `${connection}, ${value}`;
    }
    fields.push(name, value);
  }
  const isChunked = codings.length > 0 && endsInChunks(codings);
  // A length beside chunks is wrong, and one beside 204 means nothing (RFC 9112 6.3, RFC 9110 8.6).
  const bytes = isChunked || lengths.length === 0 ? null : lengthOf(lengths);
  const hasBody = head.status >= 200 && head.status !== 204 && head.status !== 304 && method !== 'HEAD';
  const saysLength = head.status === 304 || method === 'HEAD';
  if (bytes !== null && (hasBody || saysLength)) fields.push('Content-Length', String(bytes));
  if (isChunked && hasBody) fields.push('Transfer-Encoding', 'chunked');
  const framing = hasBody ? framingOf(isChunked, bytes) : none;
  // Such a message may hide another one, so nothing is read behind it (RFC 9112 6.1).
  const isDoubtful = isChunked && (lengths.length > 0 || head.isOld);
  return {
    head: { ...head, fields },
    framing,
    keepsConnection: !isDoubtful && framing.kind !== 'close' && keepsConnection(connection, head.isOld),
  };
}

const none: Framing = { kind: 'none' };

function framingOf(isChunked: boolean, bytes: number | null): Framing {
  if (isChunked) return { kind: 'chunks' };
  return bytes === null ? { kind: 'close' } : { kind: 'length', bytes };
}

/** True for chunks, which may be named twice; false for `identity`, an old name for no coding. */
function endsInChunks(values: readonly string[]): boolean {
  const names = listOf(values).filter((name) => name !== '');
  const other = names.find((name) => name !== 'chunked' && name !== 'identity');
  if (other !== undefined)
    throw new MalformedAnswer(`a transfer coding that no client asked for: ${shown(other)} (RFC 9112 7)`);
  if (names.length === 0) throw new MalformedAnswer('an empty Transfer-Encoding (RFC 9112 6.1)');
  if (!names.includes('chunked')) return false;
  if (names.at(-1) !== 'chunked') throw new MalformedAnswer('chunked is not the last transfer coding (RFC 9112 6.3)');
  return true;
}

function lengthOf(values: readonly string[]): number {
  const lengths = new Set<number>();
  for (const text of listOf(values)) {
    const length = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    if (Number.isNaN(length)) throw new MalformedAnswer('a Content-Length that is no number (RFC 9110 8.6)');
    if (length > Number.MAX_SAFE_INTEGER)
      throw new MalformedAnswer('a Content-Length that is too large (RFC 9110 8.6)');
    lengths.add(length);
  }
  if (lengths.size > 1) throw new MalformedAnswer('two different Content-Length values (RFC 9112 6.3)');
  const [length = 0] = lengths;
  return length;
}

function listOf(values: readonly string[]): readonly string[] {
  return values.flatMap((value) => value.split(',')).map((name) => name.trim().toLowerCase());
}

function keepsConnection(connection: string | undefined, isOld: boolean): boolean {
  if (connection === undefined) return !isOld;
  const options = listOf([connection]);
  return !options.includes('close') && (!isOld || options.includes('keep-alive'));
}
