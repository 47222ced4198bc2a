/** The requests that a strict HTTP/1.1 parser finds in a connection's bytes: one line each, and `?` for invalid bytes. */
export function requestLines(bytes: string): readonly string[] {
  const lines: string[] = [];
  let rest = bytes;
  while (rest !== '') {
    const end = rest.indexOf('\r\n\r\n');
    if (end === -1) return [...lines, '?'];
    const [line = '', ...fields] = rest.slice(0, end).split('\r\n');
    rest = rest.slice(end + 4);
    lines.push(line);
    const length = fieldOf(fields, 'content-length');
    const coding = fieldOf(fields, 'transfer-encoding');
    if (length !== null && coding !== null) return [...lines, '?'];
    if (coding !== null) rest = afterChunks(rest);
    else if (length !== null) rest = rest.slice(Number(length));
  }
  return lines;
}

function fieldOf(fields: readonly string[], name: string): string | null {
  const field = fields.find((text) => text.toLowerCase().startsWith(`${name}:`));
  return field === undefined ? null : field.slice(name.length + 1).trim();
}

function afterChunks(text: string): string {
  let rest = text;
  for (;;) {
    const end = rest.indexOf('\r\n');
    if (end === -1) return '';
    const size = Number.parseInt(rest.slice(0, end), 16);
    if (Number.isNaN(size)) return rest;
    rest = rest.slice(end + 2 + size + 2);
    if (size === 0) return rest;
  }
}
