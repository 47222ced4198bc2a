import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { IncomingRequest } from './incoming-request.ts';
import { pieceBudget } from './piece-budget.ts';
import type { ReadAhead } from './read-ahead.ts';
import { RequestEnd } from './request-end.ts';
import { discard } from './spare-buffers.ts';
import { inTurn } from './turns.ts';

export interface RequestGateDeps {
  readonly readAhead: ReadAhead;
  /** How long the answer to a client that has closed its side may take to begin. */
  readonly halfClosedMs: number;
}

type DataListener = (this: Socket, bytes: Buffer) => void;
type EndListener = (this: Socket) => void;

/** A connection that has sent this much ahead is not read until it has its answer. */
const maxAheadBytes = 65_536;

/** What Node's parser gets of a body in chunks at a time. In chunks of a byte it takes a millisecond over them. */
const chunkedBytes = 8_192;

/** One read. After so much it is the turn of other connections. */
const wholeReadBytes = 65_536;

const nothing = Buffer.alloc(0);

/**
 * Stands between a client's connection and Node's parser and hands over one request at a time: the next one when the last
 * one has its answer. Node alone reads all requests of a segment at once, starts all of them and keeps objects for each.
 * What a client sends ahead is kept as bytes here, within limits.
 *
 * A client that has closed its side gets its answers. It may also have left, which only shows when something is sent to it:
 * so if nothing is for `halfClosedMs`, it has left.
 */
export class RequestGate {
  readonly #socket: Socket;
  readonly #deps: RequestGateDeps;
  readonly #parse: readonly DataListener[];
  readonly #parseEnd: readonly EndListener[];
  readonly #end = new RequestEnd();
  /** Arrived, and not handed to the parser yet. */
  #ahead: Buffer = nothing;
  /** What was read last, while all that is ahead is of it. */
  #read: Buffer = nothing;
  /** Whether the rest of the body waits for its turn. */
  #isHeld = false;
  #countedBytes = 0;
  /** From its head until it is complete and answered. */
  #request: IncomingRequest | null = null;
  #isAnswered = false;
  #hasEnded = false;
  #isReleased = false;
  #halfClosed: NodeJS.Timeout | undefined;

  /** `listen` attaches Node's server to the connection. */
  constructor(socket: Socket, deps: RequestGateDeps, listen: () => void) {
    this.#socket = socket;
    this.#deps = deps;
    const before = new Set<unknown>(socket.listeners('end'));
    listen();
    this.#parse = socket.listeners('data') as DataListener[];
    this.#parseEnd = socket.listeners('end').filter((listener) => !before.has(listener)) as EndListener[];
    // With a listener for `data`, Node no longer reads below the connection.
    socket.on('data', this.#onData).on('end', this.#onEnd);
    for (const listener of this.#parse) socket.off('data', listener);
    for (const listener of this.#parseEnd) socket.off('end', listener);
    socket.once('close', () => this.#closed());
  }

  /** To be called with each request, at once: that its head was handed over is otherwise unknown here. */
  began(request: IncomingRequest, response: ServerResponse): void {
    this.#request = request;
    this.#isAnswered = false;
    response.once('close', this.#onAnswered);
  }

  /** Leaves the connection to the caller. Returns the bytes that the parser did not get. */
  release(): Buffer {
    const rest = this.#ahead;
    this.#isReleased = true;
    this.#ahead = nothing;
    this.#closed();
    this.#socket.off('data', this.#onData).off('end', this.#onEnd);
    return rest;
  }

  readonly #onData = (bytes: Buffer): void => {
    this.#ahead = this.#ahead.length === 0 ? bytes : Buffer.concat([this.#ahead, bytes]);
    this.#read = this.#ahead;
    this.#handOver();
    if (bytes.length >= wholeReadBytes && !this.#isHeld && this.#request?.complete === false) this.#hold(inTurn);
  };

  readonly #onEnd = (): void => {
    this.#hasEnded = true;
    if (this.#request?.complete) this.#awaitAnswer();
    else this.#handEndOver();
  };

  readonly #onAnswered = (): void => {
    this.#isAnswered = true;
    clearTimeout(this.#halfClosed);
    this.#finish();
  };

  /** Hands over what belongs to the request under way, or one request when there is none. */
  #handOver(): void {
    while (this.#ahead.length > 0 && !this.#isHeld && !this.#isReleased && !this.#socket.destroyed) {
      if (this.#request === null) this.#handHeadOver();
      else if (!this.#request.complete) this.#handBodyOver();
      else break;
    }
    if (this.#ahead.length === 0 && this.#request?.complete === false) discard(this.#read);
    this.#keepAhead();
  }

  /** `until` calls back when the rest of the body may be read. */
  #hold(until: (goOn: () => void) => void): void {
    const request = this.#request;
    this.#isHeld = true;
    request?.hold();
    until(() => {
      this.#isHeld = false;
      request?.goOn();
      this.#goOn();
    });
  }

  #handHeadOver(): void {
    const lines = this.#end.skipLines(this.#ahead);
    if (lines > 0) {
      this.#ahead = this.#ahead.subarray(lines);
      return;
    }
    const end = this.#end.ofHead(this.#ahead);
    this.#parseUpTo(end);
    if (end === null) return;
    const request = this.#request;
    if (request && !request.complete) this.#end.bodyIs(lengthOf(request));
    else this.#end.over();
  }

  #handBodyOver(): void {
    const bytes = this.#end.isInChunks ? this.#ahead.subarray(0, chunkedBytes) : this.#ahead;
    const end = this.#end.ofBody(bytes);
    this.#parseUpTo(end ?? bytes.length);
    if (end === null) return;
    // The parser has counted differently, so what follows cannot be told from this request.
    if (this.#request && !this.#request.complete) this.#socket.destroy();
    this.#finish();
  }

  #parseUpTo(end: number | null): void {
    const bytes = end === null ? this.#ahead : this.#ahead.subarray(0, end);
    this.#ahead = end === null ? nothing : this.#ahead.subarray(end);
    for (const listener of this.#parse) listener.call(this.#socket, bytes);
    const pieces = this.#request?.passOn() ?? 0;
    if (!pieceBudget.spend(pieces)) this.#hold((goOn) => pieceBudget.wait(goOn));
  }

  /** The request is over when it is complete and answered, whichever comes first. */
  #finish(): void {
    if (!this.#request?.complete || !this.#isAnswered) return;
    this.#request = null;
    if (this.#isReleased || this.#socket.destroyed) return;
    // Between two requests of one connection all others have their turn.
    if (this.#ahead.length > 0) setImmediate(this.#goOn);
    else this.#goOn();
  }

  readonly #goOn = (): void => {
    if (this.#isReleased || this.#socket.destroyed) return;
    this.#handOver();
    if (this.#ahead.length === 0 && this.#request === null && this.#hasEnded) this.#handEndOver();
    else if (this.#hasEnded && this.#request?.complete) this.#awaitAnswer();
    // A body is read as fast as the request is.
    const readsBody = this.#request?.complete === false;
    if (!readsBody && this.#ahead.length < maxAheadBytes && this.#socket.isPaused()) this.#socket.resume();
  };

  #handEndOver(): void {
    for (const listener of this.#parseEnd) listener.call(this.#socket);
  }

  #awaitAnswer(): void {
    const socket = this.#socket;
    const sentBytes = socket.bytesWritten;
    clearTimeout(this.#halfClosed);
    this.#halfClosed = setTimeout(() => {
      if (socket.bytesWritten === sentBytes) socket.destroy();
    }, this.#deps.halfClosedMs);
  }

  #keepAhead(): void {
    const ahead = this.#ahead;
    // A few bytes must not keep the whole segment in memory.
    if (ahead.length > 0 && ahead.buffer.byteLength > 2 * ahead.length) {
      this.#ahead = Buffer.allocUnsafeSlow(ahead.length);
      ahead.copy(this.#ahead);
    }
    if (!this.#deps.readAhead.change(this.#countedBytes, ahead.length)) this.#socket.destroy();
    else this.#countedBytes = ahead.length;
    if (ahead.length >= maxAheadBytes) this.#socket.pause();
  }

  #closed(): void {
    clearTimeout(this.#halfClosed);
    this.#deps.readAhead.change(this.#countedBytes, 0);
    this.#countedBytes = 0;
  }
}

/** Of the body of a request that Node has accepted: it refuses a length beside a transfer coding, and any other coding. */
function lengthOf({ headers }: IncomingRequest): number | 'chunked' {
  return headers['transfer-encoding'] === undefined ? Number(headers['content-length'] ?? 0) : 'chunked';
}
