/** The text of a user's file, or the numbers of the lines that are no UTF-8. */
export type DecodedText = { readonly text: string } | { readonly badLines: readonly number[] };

/** Decodes UTF-8, and UTF-16 with a byte order mark, as Windows PowerShell writes it. The mark is no part of the text. */
export function decodeText(bytes: Uint8Array): DecodedText {
  const [first, second] = bytes;
  const utf16 = first === 0xff && second === 0xfe ? 'utf-16le' : first === 0xfe && second === 0xff ? 'utf-16be' : null;
  const text = decode(bytes, utf16 ?? 'utf-8');
  if (text !== null) return { text };
  if (utf16 !== null) return { badLines: [1] };
  // A line feed is no part of a longer character, so each line can be looked at alone.
  const lines = splitLines(bytes);
  return { badLines: lines.flatMap((line, i) => (decode(line, 'utf-8') === null ? [i + 1] : [])) };
}

function decode(bytes: Uint8Array, encoding: string): string | null {
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(bytes);
  } catch {
    return null;
  }
}

function splitLines(bytes: Uint8Array): readonly Uint8Array[] {
  const lines: Uint8Array[] = [];
  for (let at = 0; at <= bytes.length; ) {
    const found = bytes.indexOf(0x0a, at);
    const end = found < 0 ? bytes.length : found;
    lines.push(bytes.subarray(at, end));
    at = end + 1;
  }
  return lines;
}
