import { Socket } from 'node:net';

/**
 * A connection to an instance, whose failed writes are no failure of the connection. An instance may answer and close
 * before it has read the whole request: the next write then fails, and the answer is still there to be read. What is
 * written after a failure is dropped. The end of the connection is seen by reading.
 */
export class InstanceSocket extends Socket {
  #isBroken = false;

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

  #unfailing(callback: (error?: Error | null) => void): (error?: Error | null) => void {
    return (error) => {
      this.#isBroken ||= Boolean(error);
      callback();
    };
  }
}
