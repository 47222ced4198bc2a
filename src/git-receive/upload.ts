import type { Readable } from 'node:stream';
import { PlatformError } from '../domain/errors.ts';
import type { GitProcess } from './git-process.ts';
import { clientGone } from './incoming-push.ts';
import type { PushHead } from './push-head.ts';

/** A body over the limit is read and discarded up to this multiple of it, so that the client reads the reason. */
const discardFactor = 4;

/** Copies the client's body to git, without what `head` leaves out. Counts it, and reads it to its end also when git takes no more. */
export class Upload {
  bytes = 0;
  /** Resolves when the whole body was read. Rejects when it breaks off. */
  readonly done: Promise<void>;
  readonly #body: Readable;
  readonly #maxBytes: number;
  readonly #idle: NodeJS.Timeout;

  constructor(
    body: Readable,
    git: GitProcess,
    {
      head,
      maxBytes,
      idleMs,
      stop,
    }: {
      readonly head: PushHead;
      readonly maxBytes: number;
      readonly idleMs: number;
      readonly stop: (reason: PlatformError) => void;
    },
  ) {
    this.#body = body;
    this.#maxBytes = maxBytes;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.done = promise;
    this.done.catch(() => {});
    this.#idle = setTimeout(() => {
      // While git is slow to take the data, the client is not idle.
      if (body.isPaused()) this.#idle.refresh();
      else stop(new PlatformError('timeout', `No data came for ${Math.round(idleMs / 1000)} s.`));
    }, idleMs);
    git.stdin.on('drain', () => body.resume()).once('close', () => body.resume());
    body.on('data', (chunk: Buffer) => {
      this.bytes += chunk.length;
      this.#idle.refresh();
      if (this.isTooLarge) {
        git.stdin.end();
        if (this.bytes > maxBytes * discardFactor) body.destroy(new Error('Far too large.'));
      } else if (git.stdin.writable && !git.stdin.write(head.pass(chunk))) {
        body.pause();
      }
    });
    body.once('end', () => {
      this.end();
      git.stdin.end(head.end());
      resolve();
    });
    body.once('error', reject);
    body.once('close', () => {
      this.end();
      reject(clientGone());
    });
  }

  get isTooLarge(): boolean {
    return this.bytes > this.#maxBytes;
  }

  end(): void {
    clearTimeout(this.#idle);
  }

  /** Resolves when nothing more comes. A client that is still sending would not read its answer. */
  async drained(): Promise<void> {
    this.#body.resume();
    await this.done.catch(() => {});
  }
}
