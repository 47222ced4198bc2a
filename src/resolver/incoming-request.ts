import { IncomingMessage } from '../system/node-http.ts';
import { Pieces } from './pieces.ts';

const pieces = new Pieces(65_536);
/** Larger ones are not copied. */
const smallBytes = 4_096;
let owner: IncomingRequest | null = null;

/**
 * A client's request. Node's parser gives each chunk of its body as a buffer of its own, 11,000 of them for 64 KB. Here the
 * small ones of a read go on as one. While the body is paused, or the request is held, nothing more is read from the
 * connection.
 */
export class IncomingRequest extends IncomingMessage {
  #isHeld = false;
  #mayRead = false;
  #pieces = 0;

  /** What Node's parser gives: a piece of the body, or null for its end. */
  override push(piece: Buffer | null): boolean {
    if (owner !== this) {
      pieces.take();
      owner = this;
    }
    if (piece !== null && piece.length < smallBytes && pieces.takes(piece)) {
      pieces.add(piece);
      return true;
    }
    this.#pushGathered();
    return super.push(piece);
  }

  override _read(size: number): void {
    if (this.#isHeld || this.isPaused()) this.#mayRead = true;
    else super._read(size);
  }

  override pause(): this {
    super.pause();
    if (!this.complete) this.#stopReading();
    return this;
  }

  override resume(): this {
    super.resume();
    this.#readAgain();
    return this;
  }

  /** To be called after the parser got bytes of this request. Returns how many pieces of the body they had. */
  passOn(): number {
    this.#pushGathered();
    const count = this.#pieces;
    this.#pieces = 0;
    return count;
  }

  get isHeld(): boolean {
    return this.#isHeld;
  }

  /** Nothing more is read from the connection until `goOn`. */
  hold(): void {
    this.#isHeld = true;
    this.#stopReading();
  }

  goOn(): void {
    this.#isHeld = false;
    this.#readAgain();
  }

  #pushGathered(): void {
    if (pieces.isEmpty || owner !== this) return;
    this.#pieces += pieces.count;
    const gathered = Buffer.from(pieces.take());
    if (!super.push(gathered)) this.#stopReading();
  }

  #stopReading(): void {
    this.#mayRead = true;
    this.socket.pause();
  }

  #readAgain(): void {
    if (!this.#mayRead || this.#isHeld || this.isPaused()) return;
    this.#mayRead = false;
    super._read(0);
  }
}
