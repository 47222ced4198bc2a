import { Socket } from 'node:net';
import { isMemoryScarce } from './outlet.ts';
import { pieceBudget } from './piece-budget.ts';
import { inTurn } from './turns.ts';

/**
 * What one read takes at most. All sockets to instances read into the same memory, and what is kept is copied. So a
 * stream makes no garbage of 64 KB for each read.
 */
export const readBytes = 65_536;
const read = Buffer.allocUnsafeSlow(readBytes);
const smallRead = read.subarray(0, 8_192);

/** Of an instance that is sent more than it reads. */
const highWaterMark = 16_384;

/** A chunk that is read here costs a part of one that Node's parser reads. */
const piecesPerCost = 16;

/** `bytes` are valid during the call only. Returns the number of pieces that they had. */
export type Sink = (bytes: Buffer) => number;

/**
 * A connection to an instance, whose failed writes are no failure of the connection. An instance may answer and close
 * before it has read the whole request: the next write then fails, and the answer is still there to be read. What is
 * written after a failure is dropped. The end of the connection is seen by reading.
 */
export class InstanceSocket extends Socket {
  #isBroken = false;
  #sink: Sink | null = null;
  /** Whether it waits for its turn to read on. */
  #isHeld = false;
  /** Whether the receiver wants more. */
  #isWanted = true;

  constructor() {
    super({
      noDelay: true,
      highWaterMark,
      onread: {
        buffer: () => (isMemoryScarce() ? smallRead : read),
        callback: (length, buffer) => this.#received(buffer as Buffer, length),
      },
    } as ConstructorParameters<typeof Socket>[0]);
  }

  /** Gets what the instance sends. With null nothing is expected, and what comes ends the connection. */
  set sink(sink: Sink | null) {
    this.#sink = sink;
  }

  override _write(chunk: unknown, encoding: BufferEncoding, callback: (error?: Error | null) => void): void {
    if (this.#isBroken) callback();
    else super._write(chunk, encoding, this.#unfailing(callback));
  }

  override _writev(
    chunks: { readonly chunk: unknown; readonly encoding: BufferEncoding }[],
    callback: (error?: Error | null) => void,
  ): void {
    if (this.#isBroken) callback();
    else super._writev?.(chunks, this.#unfailing(callback));
  }

  override pause(): this {
    this.#isWanted = false;
    return super.pause();
  }

  override resume(): this {
    this.#isWanted = true;
    return this.#isHeld ? this : super.resume();
  }

  /** False when nothing more is to be read in this turn of the event loop: there are others. */
  #received(buffer: Buffer, length: number): boolean {
    const pieces = this.#sink?.(length === buffer.length ? buffer : buffer.subarray(0, length));
    if (pieces === undefined) this.destroy();
    else if (!pieceBudget.spend(pieces / piecesPerCost)) {
      this.#isHeld = true;
      pieceBudget.wait(this.#goOn);
    } else if (length === buffer.length) {
      this.#isHeld = true;
      inTurn(this.#goOn);
    }
    return !this.#isHeld;
  }

  readonly #goOn = (): void => {
    this.#isHeld = false;
    if (this.#isWanted && !this.destroyed) super.resume();
  };

  #unfailing(callback: (error?: Error | null) => void): (error?: Error | null) => void {
    return (error) => {
      this.#isBroken ||= Boolean(error);
      callback();
    };
  }
}
