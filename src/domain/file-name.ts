/**
 * A file's name or path as text. On Linux and in git a name is bytes, in no encoding. Here it is read as UTF-8, and each
 * byte that is no UTF-8 becomes one of U+DC80 to U+DCFF, which no UTF-8 makes (PEP 383, "surrogateescape"). So every name
 * has its own text, and `nameBytes` gives back exactly its bytes.
 */
export function nameOf(bytes: Buffer): string {
  const { length } = bytes;
  // Most names are ASCII or UTF-8. A lone surrogate comes from no UTF-8, and U+FFFD seldom.
  const text = bytes.toString();
  if (!text.includes('\uFFFD')) return text;
  const units = new Uint16Array(length);
  let count = 0;
  for (let at = 0; at < length; ) {
    const size = sequenceSize(bytes, at);
    if (size === 0) units[count++] = 0xdc00 + (bytes[at++] ?? 0);
    else {
      let point = (bytes[at] ?? 0) & (size === 1 ? 0x7f : 0xff >> (size + 1));
      for (let next = 1; next < size; next++) point = point * 64 + ((bytes[at + next] ?? 0) & 0x3f);
      if (point > 0xffff) units[count++] = 0xd7c0 + (point >> 10);
      units[count++] = point > 0xffff ? 0xdc00 + (point & 0x3ff) : point;
      at += size;
    }
  }
  return Buffer.from(units.buffer, 0, count * 2).toString('utf16le');
}

/** The bytes of a name that `nameOf` made. */
export function nameBytes(name: string): Buffer {
  if (name.isWellFormed()) return Buffer.from(name);
  return Buffer.concat(
    name
      .split(/([\uDC80-\uDCFF]+)/u)
      .map((part, index) =>
        index % 2 === 0 ? Buffer.from(part) : Buffer.from([...part].map((unit) => unit.charCodeAt(0) & 0xff)),
      ),
  );
}

/** A name for people: `caf\xe9.txt`. Escapes what is no text, what is not visible, and the backslash. */
export function shownName(name: string): string {
  return name.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\\]/gu, (letter) => {
    if (letter === '\\') return '\\\\';
    const known = { '\n': '\\n', '\r': '\\r', '\t': '\\t' }[letter];
    return known ?? [...nameBytes(letter)].map((byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join('');
  });
}

/** The length of the UTF-8 sequence at this position; 0 if there is none (Unicode standard, table 3-7). */
function sequenceSize(bytes: Buffer, at: number): number {
  const first = bytes[at] ?? 0;
  if (first < 0x80) return 1;
  const size =
    first >= 0xc2 && first < 0xe0 ? 2 : first >= 0xe0 && first < 0xf0 ? 3 : first >= 0xf0 && first < 0xf5 ? 4 : 0;
  if (size === 0 || at + size > bytes.length) return 0;
  const second = bytes[at + 1] ?? 0;
  const lowest = first === 0xe0 ? 0xa0 : first === 0xf0 ? 0x90 : 0x80;
  const highest = first === 0xed ? 0x9f : first === 0xf4 ? 0x8f : 0xbf;
  if (second < lowest || second > highest) return 0;
  for (let next = 2; next < size; next++) if (((bytes[at + next] ?? 0) & 0xc0) !== 0x80) return 0;
  return size;
}
