import type { Readable } from 'node:stream';
import { PlatformError } from '../domain/errors.ts';
import type { GitProcess } from './git-process.ts';
import { clientGone } from './incoming-push.ts';

/** How much more than the limit is read and thrown away, so that the client comes to read why. */
const patience = 4;

/** The client's body on its way to git: counted, kept going, and read to its end also when git wants no more. */
export class Upload {
  bytes = 0;
  /** Resolves when the whole body was read; rejects when it broke off. */
  readonly done: Promise<void>;
  readonly #body: Readable;
  readonly #maxBytes: number;
  readonly #idle: NodeJS.Timeout;
  #head = '';

  constructor(
    body: Readable,
    git: GitProcess,
    { maxBytes, idleMs, stop }: { maxBytes: number; idleMs: number; stop: (reason: PlatformError) => void },
  ) {
    this.#body = body;
    this.#maxBytes = maxBytes;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.done = promise;
    this.done.catch(() => {});
    this.#idle = setTimeout(() => {
      // While git is slow to take what came, the client is not to blame.
      if (body.isPaused()) this.#idle.refresh();
      else stop(new PlatformError('timeout', `No data came for ${Math.round(idleMs / 1000)} s.`));
    }, idleMs);
    git.stdin.on('drain', () => body.resume()).once('close', () => body.resume());
    body.on('data', (chunk: Buffer) => {
      this.bytes += chunk.length;
      this.#idle.refresh();
      if (this.#head.length < 4096) this.#head += chunk.toString('latin1', 0, 4096);
      if (this.isTooLarge) {
        git.stdin.end();
        if (this.bytes > maxBytes * patience) body.destroy(new Error('Far too large.'));
      } else if (git.stdin.writable && !git.stdin.write(chunk)) {
        body.pause();
      }
    });
    body.once('end', () => {
      this.end();
      git.stdin.end();
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

  /** Whether the client named the capability with its first ref update. */
  hasCapability(capability: string): boolean {
    return this.#head.includes(capability);
  }

  end(): void {
    clearTimeout(this.#idle);
  }

  /** Resolves when nothing more comes: a client that is still sending would not read its answer. */
  async drained(): Promise<void> {
    this.#body.resume();
    await this.done.catch(() => {});
  }
}
