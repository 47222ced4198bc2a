import { isUtf8 } from 'node:buffer';
import { PlatformError } from './errors.ts';

/**
 * Throws `invalid_params` for a file in another encoding than UTF-8, with the encoding's name: PowerShell and some editors
 * save UTF-16. Single bytes that are no UTF-8 are accepted, because they may be a file's name.
 */
export function refuseWideText(bytes: Buffer, name: string): void {
  const encoding = wideEncodingOf(bytes);
  if (encoding === null) return;
  throw new PlatformError('invalid_params', `${name} is ${encoding} text; save it as UTF-8.`, {
    hint: `For example: iconv -f ${encoding} -t UTF-8 ${name} > utf8.txt && mv utf8.txt ${name}`,
  });
}

/** The text of a file in UTF-8, without its byte order mark. Throws `invalid_params` with the encoding or the line. */
export function textOf(bytes: Buffer, name: string): string {
  refuseWideText(bytes, name);
  const lines = bytes.toString('latin1').split('\n');
  const wrong = isUtf8(bytes) ? -1 : lines.findIndex((line) => !isUtf8(Buffer.from(line, 'latin1')));
  if (wrong >= 0) {
    throw new PlatformError('invalid_params', `${name} line ${wrong + 1} is not UTF-8 text; save it as UTF-8.`);
  }
  const zero = lines.findIndex((line) => line.includes('\0'));
  if (zero >= 0) throw new PlatformError('invalid_params', `${name} line ${zero + 1} holds a zero byte.`);
  return bytes.toString().replace(/^\uFEFF/, '');
}

/** By the byte order mark. Without one, by the zeros that ASCII letters have in UTF-16. */
function wideEncodingOf(bytes: Buffer): string | null {
  const start = bytes.toString('latin1', 0, 4);
  if (start === '\xff\xfe\0\0' || start === '\0\0\xfe\xff') return 'UTF-32';
  if (start.startsWith('\xff\xfe') || start.startsWith('\xfe\xff')) return 'UTF-16';
  const sample = bytes.subarray(0, 1024);
  const zeros = [0, 0];
  for (const [index, byte] of sample.entries()) if (byte === 0) zeros[index % 2] = (zeros[index % 2] ?? 0) + 1;
  if (Math.max(...zeros) * 3 <= sample.length || sample.length < 2) return null;
  return (zeros[0] ?? 0) > (zeros[1] ?? 0) ? 'UTF-16BE' : 'UTF-16LE';
}
