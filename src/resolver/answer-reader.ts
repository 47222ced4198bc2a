import { MalformedAnswer } from './answer-fields.ts';
import { type FramedAnswer, type Framing, frame } from './answer-framing.ts';
import { type AnswerHead, HeadEnd, readAnswerHead } from './answer-head.ts';
import { ChunkReader } from './chunk-reader.ts';

/** What a request asked for, as far as the end of its answer depends on it. */
export interface Asked {
  readonly method: string;
  readonly switchProtocols: boolean;
}

export interface AnswerListener {
  /** 100: the instance wants the body. */
  continued(): void;
  head(answer: FramedAnswer): void;
  /** Any number of pieces for one `push`. */
  body(bytes: Buffer): void;
  /** The whole answer has come. `isLast`: something follows that belongs to no answer. Trailers: names and values alternate. */
  complete(trailers: readonly string[], isLast: boolean): void;
  /** 101, the last call. `rest`: the bytes behind the head. */
  switched(head: AnswerHead, rest: Buffer): void;
}

/**
 * Reads one answer from the bytes of a connection. It accepts what RFC 9112 lets a recipient accept, and throws
 * `MalformedAnswer` for the rest. What it tells of an answer is one clean form.
 */
export class AnswerReader {
  readonly #asked: Asked;
  readonly #maxHeadBytes: number;
  readonly #listener: AnswerListener;
  #headEnd: HeadEnd;
  #headText = '';
  #framing: Framing | null = null;
  #left = 0;
  #chunks: ChunkReader | null = null;
  #over = false;

  constructor(asked: Asked, maxHeadBytes: number, listener: AnswerListener) {
    this.#asked = asked;
    this.#maxHeadBytes = maxHeadBytes;
    this.#listener = listener;
    this.#headEnd = new HeadEnd(maxHeadBytes);
  }

  /** No further call is made. */
  stop(): void {
    this.#over = true;
  }

  push(bytes: Buffer): void {
    let at = 0;
    while (this.#framing === null && !this.#over) {
      const next = this.#readHead(bytes, at);
      if (next === null) return;
      at = next;
    }
    if (!this.#over && (at < bytes.length || this.#framing?.kind === 'none')) this.#readBody(bytes, at);
  }

  /** The instance has ended its direction. True when that completes the answer, or it was complete. */
  end(): boolean {
    if (this.#over) return true;
    if (this.#framing?.kind !== 'close' && !this.#chunks?.hasWholeBody) return false;
    this.#complete(true);
    return true;
  }

  #readHead(bytes: Buffer, from: number): number | null {
    const rest = from === 0 ? bytes : bytes.subarray(from);
    const end = this.#headEnd.in(rest);
    this.#headText += rest.toString('latin1', 0, end ?? rest.length);
    if (end === null) return null;
    const head = readAnswerHead(this.#headText);
    this.#headText = '';
    this.#headEnd = new HeadEnd(this.#maxHeadBytes);
    this.#take(head, rest.subarray(end));
    return from + end;
  }

  #take(head: AnswerHead, rest: Buffer): void {
    if (head.status === 100) this.#listener.continued();
    // Other news before the answer (102, 103) are not passed on: not every client of HTTP/1.1 skips them.
    else if (head.status >= 200) this.#begin(frame(head, this.#asked.method));
    else if (head.status === 101) {
      if (!this.#asked.switchProtocols) throw new MalformedAnswer('a switch of protocols unasked (RFC 9110 15.2.2)');
      this.#over = true;
      this.#listener.switched(frame(head, this.#asked.method).head, rest);
    }
  }

  #begin(answer: FramedAnswer): void {
    const { framing } = answer;
    this.#framing = framing;
    if (framing.kind === 'length') this.#left = framing.bytes;
    if (framing.kind === 'chunks')
      this.#chunks = new ChunkReader(this.#maxHeadBytes, (bytes) => {
        if (!this.#over) this.#listener.body(bytes);
      });
    this.#listener.head(answer);
    if (framing.kind === 'length' && framing.bytes === 0) this.#framing = { kind: 'none' };
  }

  #readBody(bytes: Buffer, from: number): void {
    const { kind } = this.#framing ?? { kind: 'none' };
    if (kind === 'none') this.#complete(from < bytes.length);
    else if (kind === 'close') this.#listener.body(bytes.subarray(from));
    else if (kind === 'length') this.#readLength(bytes, from);
    else {
      const end = this.#chunks?.push(bytes, from) ?? null;
      if (end !== null) this.#complete(end < bytes.length);
    }
  }

  #readLength(bytes: Buffer, from: number): void {
    const end = Math.min(bytes.length, from + this.#left);
    this.#left -= end - from;
    this.#listener.body(from === 0 && end === bytes.length ? bytes : bytes.subarray(from, end));
    if (this.#left === 0) this.#complete(end < bytes.length);
  }

  #complete(isLast: boolean): void {
    if (this.#over) return;
    const trailers = this.#chunks?.trailers ?? [];
    this.#over = true;
    this.#listener.complete(trailers, isLast);
  }
}
