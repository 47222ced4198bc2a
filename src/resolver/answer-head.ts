import { fieldsOf, linesOf, MalformedAnswer, textOf } from './answer-fields.ts';

/** The head of an instance's answer. */
export interface AnswerHead {
  /** Whether it is of HTTP/1.0 or older. */
  readonly isOld: boolean;
  readonly status: number;
  /** Empty when the instance gave none. */
  readonly reason: string;
  /** Names and values alternate. */
  readonly fields: readonly string[];
}

/** Any blanks may stand between the parts (RFC 9112 4). A version above 1.1 is read like 1.1. */
const statusLine = /^[ \t\v\f]*HTTP\/(\d{1,3})\.(\d{1,3})[ \t\v\f]+([1-9]\d\d)(?:[ \t\v\f]+(.*))?$/is;

/** Reads a head, from its first byte to its empty line; one character is one byte. Throws `MalformedAnswer`. */
export function readAnswerHead(text: string): AnswerHead {
  const lines = linesOf(text);
  const first = lines.findIndex((line) => line !== '');
  const match = statusLine.exec(lines[first] ?? '');
  if (!match) throw new MalformedAnswer('a first line that is no status line (RFC 9112 4)');
  const [, major, minor, status, reason = ''] = match;
  return {
    isOld: Number(major) < 1 || (Number(major) === 1 && Number(minor) === 0),
    status: Number(status),
    reason: textOf(reason, 'the reason phrase'),
    fields: fieldsOf(lines, first + 1),
  };
}

/** Finds the end of a head in bytes that come in pieces. Empty lines before the status line belong to the head. */
export class HeadEnd {
  readonly #limit: number;
  #seen = 0;
  #begun = false;
  #lineIsEmpty = true;

  constructor(limitBytes: number) {
    this.#limit = limitBytes;
  }

  /** The number of bytes up to the end of the head. Null when it is not among them. */
  in(bytes: Uint8Array): number | null {
    const last = Math.min(bytes.length, this.#limit - this.#seen);
    for (let at = 0; at < last; at += 1) {
      const byte = bytes[at];
      if (byte === 0x0a) {
        if (this.#lineIsEmpty && this.#begun) return at + 1;
        this.#lineIsEmpty = true;
      } else if (byte !== 0x0d) {
        this.#begun = true;
        this.#lineIsEmpty = false;
      }
    }
    if (last < bytes.length)
      throw new MalformedAnswer(`a head of more than ${this.#limit} bytes (PAAS_ANSWER_HEAD_KIB)`);
    this.#seen += last;
    return null;
  }
}
