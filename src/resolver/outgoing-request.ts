import { MalformedAnswer } from './answer-fields.ts';
import type { FramedAnswer } from './answer-framing.ts';
import type { AnswerHead } from './answer-head.ts';
import { AnswerReader } from './answer-reader.ts';
import type { Connection, Connections } from './connections.ts';
import { type InstanceSocket, readBytes } from './instance-socket.ts';
import { Outlet } from './outlet.ts';
import { Pieces } from './pieces.ts';
import type { RequestHead } from './request-head.ts';

export interface OutgoingFacts {
  readonly head: RequestHead;
  readonly connection: Connection;
  /** Gets the connection back when it may carry another request. */
  readonly connections: Connections;
  /** Whether the request asks to switch protocols. */
  readonly switchProtocols: boolean;
  readonly maxAnswerHeadBytes: number;
}

/** No method is called after `complete`, `switched`, `failed` or `destroy`. */
export interface OutgoingListener {
  /** 100: the instance wants the body. */
  continued(): void;
  answered(answer: FramedAnswer): void;
  /** Once for each read. The bytes are valid during the call only. */
  body(bytes: Buffer): void;
  /** The connection can take more of the request's body, after `write` returned false. */
  drained(): void;
  /** Trailers: names and values alternate. */
  complete(trailers: readonly string[]): void;
  /** 101. `rest`: the bytes that followed the answer. */
  switched(answer: AnswerHead, socket: InstanceSocket, rest: Buffer): void;
  /** The answer broke a rule, or (null) the connection ended before the answer did. */
  failed(malformed: MalformedAnswer | null): void;
}

export type ConnectionOption = 'keep-alive' | 'close' | 'Upgrade';

const notInPath = /[^\x21-\xff]/;
const notInValue = /[^\t\x20-\x7e\x80-\xff]/;

/** Of the answer that is being read. */
const body = new Pieces(readBytes);

/**
 * The head's text; one character is one byte. `option`: of the Connection field. Null when it cannot be written: Node
 * reads some paths and values that HTTP does not allow.
 */
export function requestHeadText({ method, path, headers }: RequestHead, option: ConnectionOption): string | null {
  if (notInPath.test(path)) return null;
  let text = `${method} ${path} HTTP/1.1\r\n`;
  for (let at = 0; at < headers.length; at += 2) {
    const value = headers[at + 1] ?? '';
    if (notInValue.test(value)) return null;
    text += `${headers[at]}: ${value}\r\n`;
  }
  return `${text}Connection: ${option}\r\n\r\n`;
}

/**
 * One request on a connection to an instance, and its answer. Node's own client is not used: it refuses answers that a
 * proxy should accept, and does not say which rule an answer breaks.
 */
export class OutgoingRequest {
  readonly #socket: InstanceSocket;
  readonly #outlet: Outlet;
  readonly #facts: OutgoingFacts;
  readonly #listener: OutgoingListener;
  readonly #reader: AnswerReader;
  #keepsConnection = false;
  #ended = false;
  /** Of the read that is being passed on. */
  #pieces = 0;
  #over = false;

  /** `headText`: from `requestHeadText`. The body follows with `write` and `end`, unless the head says that there is none. */
  constructor(headText: string, facts: OutgoingFacts, listener: OutgoingListener) {
    const { connection, head } = facts;
    this.#socket = connection.socket;
    this.#facts = facts;
    this.#listener = listener;
    this.#outlet = new Outlet({ write: (bytes, done) => this.#write(bytes, done) }, () => {
      if (!this.#over) listener.drained();
    });
    this.#reader = new AnswerReader(
      { method: head.method, switchProtocols: facts.switchProtocols },
      facts.maxAnswerHeadBytes,
      {
        continued: () => listener.continued(),
        head: (answer) => this.#answered(answer),
        body: (bytes) => body.add(bytes),
        complete: (trailers, isLast) => this.#completed(trailers, isLast),
        switched: (answer, rest) => this.#switched(answer, rest),
      },
    );
    connection.used = true;
    this.#socket.sink = this.#onData;
    this.#socket.on('end', this.#onEnd);
    this.#socket.on('close', this.#onEnd);
    // A body that has arrived already goes out together with the head.
    if (head.hasBody) {
      this.#socket.cork();
      process.nextTick(() => this.#socket.uncork());
    } else this.#ended = true;
    this.#socket.write(headText, 'latin1');
  }

  /** Whether the instance has not taken all bytes of the request that were written. */
  get needsDrain(): boolean {
    return this.#outlet.isFull;
  }

  /** False when the caller should wait for `drained`. The bytes are the request's to keep. */
  write(bytes: Buffer): boolean {
    return this.#over || this.#outlet.write(bytes, true);
  }

  end(): void {
    if (this.#over || this.#ended) return;
    this.#ended = true;
    this.#outlet.flush();
    if (this.#facts.head.chunked) this.#socket.write('0\r\n\r\n', 'latin1');
  }

  /** Stops and goes on reading the answer. */
  pause(): void {
    if (!this.#over) this.#socket.pause();
  }

  resume(): void {
    if (!this.#over) this.#socket.resume();
  }

  destroy(): void {
    if (this.#over) return;
    this.#leave();
    this.#socket.destroy();
  }

  readonly #onData = (bytes: Buffer): number => {
    body.take();
    this.#pieces = 0;
    try {
      this.#reader.push(bytes);
      this.#passOn();
    } catch (error) {
      if (!(error instanceof MalformedAnswer)) throw error;
      this.#passOn();
      this.#failed(error);
    }
    return this.#pieces;
  };

  /** Passes on what the last read had of the body. */
  #passOn(): void {
    this.#pieces += body.count;
    const bytes = body.take();
    if (bytes.length > 0 && !this.#over) this.#listener.body(bytes);
  }

  #write(bytes: Buffer, done: () => void): void {
    if (!this.#facts.head.chunked) {
      this.#socket.write(bytes, done);
      return;
    }
    this.#socket.cork();
    this.#socket.write(`${bytes.length.toString(16)}\r\n`, 'latin1');
    this.#socket.write(bytes);
    this.#socket.write('\r\n', 'latin1', done);
    this.#socket.uncork();
  }

  readonly #onEnd = (): void => {
    try {
      if (!this.#socket.errored && this.#reader.end()) return;
      this.#failed(null);
    } catch (error) {
      if (!(error instanceof MalformedAnswer)) throw error;
      this.#failed(error);
    }
  };

  #answered(answer: FramedAnswer): void {
    this.#keepsConnection = answer.keepsConnection;
    this.#listener.answered(answer);
  }

  #completed(trailers: readonly string[], isLast: boolean): void {
    const { connection, connections } = this.#facts;
    this.#passOn();
    // An instance that answered before it had the whole request may read the rest of it as the next one.
    const isUnsent = !this.#ended || this.#socket.writableLength > 0;
    this.#leave();
    if (isLast || isUnsent) this.#socket.destroy();
    else if (!this.#keepsConnection) connections.retire(connection);
    else {
      this.#socket.resume();
      connections.put(connection);
    }
    this.#listener.complete(trailers);
  }

  #switched(answer: AnswerHead, rest: Buffer): void {
    this.#leave();
    this.#listener.switched(answer, this.#socket, rest);
  }

  #failed(malformed: MalformedAnswer | null): void {
    if (this.#over) return;
    this.destroy();
    this.#listener.failed(malformed);
  }

  #leave(): void {
    this.#over = true;
    this.#reader.stop();
    this.#socket.sink = null;
    this.#outlet.close();
    this.#socket.off('end', this.#onEnd);
    this.#socket.off('close', this.#onEnd);
  }
}
