/**
 * One pkt-line (gitprotocol-common(5)): four hexadecimal digits of length, which count themselves, then the content.
 */
export function pktLine(content: string | Buffer): Buffer {
  const data = Buffer.from(content);
  return Buffer.concat([Buffer.from((data.length + 4).toString(16).padStart(4, '0')), data]);
}

export const flushPkt: Buffer = Buffer.from('0000');

/** A line that git shows to the pusher as `remote: …` (sideband 2: progress). */
export function progressPkt(line: string): Buffer {
  return pktLine(Buffer.concat([Buffer.from([2]), Buffer.from(`${line}\n`)]));
}

/**
 * The contents of the pkt-lines in `data`; null for flush and other markers. Stops at the first bytes that are no
 * pkt-line.
 */
export function* readPktLines(data: Buffer): Generator<Buffer | null> {
  for (let at = 0; at + 4 <= data.length; ) {
    const digits = data.toString('latin1', at, at + 4);
    const length = Number.parseInt(digits, 16);
    if (!/^[0-9a-f]{4}$/i.test(digits) || at + length > data.length) return;
    if (length < 4) {
      yield null;
      at += 4;
    } else {
      yield data.subarray(at + 4, at + length);
      at += length;
    }
  }
}
