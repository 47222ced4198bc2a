import { borrow, discard, giveBack } from './spare-buffers.ts';

/** Where an outlet's bytes go: a socket or a response. */
export interface Destination {
  /** `done` is called once the operating system has the bytes, or never when the connection is closed before. */
  write(bytes: Buffer, done: () => void): unknown;
}

/** As much waits at most before the source is told to wait, and then what it sends in that moment. */
const fullAt = 16_384;

/** What waits in all outlets of the process. */
let queuedBytes = 0;

/** When so much waits, less is read at a time: a thousand clients that do not read would otherwise hold a read each. */
const scarceAt = 16 * 1024 * 1024;

export function isMemoryScarce(): boolean {
  return queuedBytes > scarceAt;
}

/**
 * Writes to one connection, one write at a time. A write goes out at once when the connection is free. What comes
 * meanwhile is joined: a thousand messages of a byte become one write, and cost a thousand bytes.
 */
export class Outlet {
  readonly #to: Destination;
  readonly #drained: () => void;
  #isWriting = false;
  /** Gives back the memory of the write under way. */
  #free: (() => void) | null = null;
  #waiting: Buffer | null = null;
  #waitingBytes = 0;
  #writingBytes = 0;
  #takenBytes = 0;
  #isFull = false;
  #isClosed = false;

  /** `drained`: called when all was written, after a `write` that returned false. */
  constructor(to: Destination, drained: () => void) {
    this.#to = to;
    this.#drained = drained;
  }

  /** Whether the source waits for `drained`. */
  get isFull(): boolean {
    return this.#isFull;
  }

  /** Bytes that the operating system has taken. */
  get takenBytes(): number {
    return this.#takenBytes;
  }

  /**
   * False when the caller should wait for `drained`. The bytes are copied. `isRead`: they are a buffer that Node made for one
   * read and nobody else has.
   */
  write(bytes: Buffer, isRead = false): boolean {
    if (bytes.length === 0 || this.#isClosed) return !this.#isFull;
    if (this.#isWriting) this.#wait(bytes, isRead);
    else if (isRead) this.#send(bytes, () => discard(bytes));
    else {
      const copy = borrow(bytes.length);
      bytes.copy(copy);
      this.#send(copy.length === bytes.length ? copy : copy.subarray(0, bytes.length), () => giveBack(copy));
    }
    this.#isFull ||= this.#writingBytes + this.#waitingBytes >= fullAt;
    return !this.#isFull;
  }

  /** Writes what waits. To be called before others write to the connection or end it. */
  flush(): void {
    const waiting = this.#takeWaiting();
    if (waiting) this.#to.write(waiting, ignore);
  }

  /** Nothing more is written. May be called twice. */
  close(): void {
    this.#isClosed = true;
    this.#takeWaiting();
    this.#count(-this.#writingBytes);
    this.#writingBytes = 0;
  }

  #wait(bytes: Buffer, isRead: boolean): void {
    const length = this.#waitingBytes + bytes.length;
    const before = this.#waiting;
    if (!before || before.length < length) {
      this.#waiting = borrow(Math.max(length, 2 * (before?.length ?? 0)));
      if (before) {
        before.copy(this.#waiting, 0, 0, this.#waitingBytes);
        giveBack(before);
      }
    }
    if (this.#waiting) bytes.copy(this.#waiting, this.#waitingBytes);
    this.#waitingBytes = length;
    this.#count(bytes.length);
    if (isRead) discard(bytes);
  }

  #takeWaiting(): Buffer | null {
    const waiting = this.#waiting?.subarray(0, this.#waitingBytes) ?? null;
    this.#count(-this.#waitingBytes);
    this.#waiting = null;
    this.#waitingBytes = 0;
    return waiting;
  }

  #send(bytes: Buffer, free: () => void): void {
    this.#isWriting = true;
    this.#free = free;
    this.#writingBytes = bytes.length;
    this.#count(bytes.length);
    this.#to.write(bytes, this.#written);
  }

  readonly #written = (): void => {
    this.#free?.();
    this.#free = null;
    this.#isWriting = false;
    this.#takenBytes += this.#writingBytes;
    this.#count(-this.#writingBytes);
    this.#writingBytes = 0;
    if (this.#isClosed) return;
    const memory = this.#waiting;
    const waiting = this.#takeWaiting();
    if (memory && waiting) this.#send(waiting, () => giveBack(memory));
    else if (this.#isFull) {
      this.#isFull = false;
      this.#drained();
    }
  };

  #count(bytes: number): void {
    queuedBytes += bytes;
  }
}

function ignore(): void {}
