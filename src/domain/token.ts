import { createHash, randomBytes } from 'node:crypto';
import { crc32 } from 'node:zlib';

/**
 * An API token as its owner holds it: `pp_`, 32 random bytes in base62 (43 digits), and a CRC-32 of both in base62
 * (6 digits). Scanners find leaked tokens by this form, and a mistyped token can be recognised without a look-up.
 */
export interface MintedToken {
  /** Shown once, stored nowhere. */
  readonly token: string;
  /** Long enough to recognise the token in a list, too short to use. */
  readonly prefix: string;
  readonly sha256: string;
}

const digits = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const secretBytes = 32;
const secretLength = 43;
const checkLength = 6;
const prefixLength = 'pp_'.length + 6;
const pattern = /^pp_[0-9A-Za-z]{49}$/;

export function mintToken(): MintedToken {
  const secret = base62(BigInt(`0x${randomBytes(secretBytes).toString('hex')}`), secretLength);
  const token = `pp_${secret}${checkDigits(`pp_${secret}`)}`;
  return { token, prefix: token.slice(0, prefixLength), sha256: hashToken(token) };
}

/** Whether the text has the form of a token and its check digits are right. It may still never have been issued. */
export function isToken(text: string): boolean {
  return pattern.test(text) && checkDigits(text.slice(0, -checkLength)) === text.slice(-checkLength);
}

/** The hash that is stored. Plain SHA-256, because 256 random bits need no slow hash. */
export function hashToken(token: string): string {
  return createHash('sha256').update(token).digest('hex');
}

function checkDigits(text: string): string {
  return base62(BigInt(crc32(text)), checkLength);
}

function base62(value: bigint, length: number): string {
  let rest = value;
  let text = '';
  while (text.length < length) {
    text = digits[Number(rest % 62n)] + text;
    rest /= 62n;
  }
  return text;
}
