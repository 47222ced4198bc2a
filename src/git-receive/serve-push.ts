import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { PlatformError } from '../domain/errors.ts';
import type { Logger } from '../domain/logger.ts';
import type { GitProcess } from './git-process.ts';
import { contentLength, refuse, relay } from './http-answer.ts';
import { clientGone, type IncomingPush } from './incoming-push.ts';
import type { GitLimits } from './limits.ts';
import { progressPkt } from './pkt-line.ts';
import { decodedBody } from './request-body.ts';
import { gitProtocol } from './serve-fetch.ts';
import { mebibytes } from './source-listing.ts';

export interface PushScene {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  readonly push: IncomingPush;
  readonly limits: GitLimits;
  readonly logger: Logger;
}

const contentType = 'application/x-git-receive-pack-result';
/** Ref updates and what else comes before the pack itself. */
const commandBytes = 4 * 1024 * 1024;
/** How much more than the limit is read and thrown away, so that the client comes to read why. */
const patience = 4;
const sideband = 'side-band-64k';

/**
 * `POST git-receive-pack`. git takes the objects into quarantine and checks them, its hook asks for the verdict
 * (judge.ts), and what hook and build say goes to the client as it comes. Resolves when git has gone.
 *
 * A client that goes away before the verdict ends everything. While a verdict is being found, the deploy is told and
 * git lives until it has answered: a version that serves already must not be forgotten by its repository.
 */
export async function servePush(scene: PushScene): Promise<void> {
  const { req, res, push, limits, logger } = scene;
  const maxBytes = limits.packBytes + commandBytes;
  const body = contentLength(req) > maxBytes ? null : decodedBody(req);
  if (!body) {
    const isLarge = contentLength(req) > maxBytes;
    const text = isLarge ? packTooLarge(limits) : 'Only gzip is understood as Content-Encoding.';
    refuse(req, res, { status: isLarge ? 413 : 415, text });
    return;
  }
  const protocol = gitProtocol(req, 'git-receive-pack');
  const git = push.repository.serve('receive-pack', ['--stateless-rpc'], {
    PAAS_PUSH_ID: push.secret,
    ...(protocol ? { GIT_PROTOCOL: protocol } : {}),
  });
  const watch = new Watch(push, git, limits);
  const upload = new Upload(body, git, { maxBytes, idleMs: limits.uploadIdleMs, stop: (why) => watch.stop(why) });
  const closed = () => {
    if (!res.writableFinished) watch.stop(clientGone());
  };
  res.once('close', closed);
  if (res.destroyed) closed();
  try {
    watch.within(limits.uploadMs, 'The upload');
    upload.done
      .then(() => {
        if (!push.verdict) watch.within(limits.unpackMs, 'Unpacking');
      })
      .catch((error: unknown) => watch.stop(error));
    push.asked.then(() => watch.within(limits.verdictMs, 'The deploy')).catch(() => {});
    const prefix = () => (upload.bytes > limits.packBytes && upload.knows(sideband) ? tooLargeLines(limits) : null);
    await relay(git.stdout, res, { contentType, prefix, stallMs: limits.stallMs });
    const { code, signal } = await git.exited;
    if (code !== 0) logger.warn('git receive-pack failed', { code, signal, stderr: git.stderr });
    await Promise.race([upload.drained(), aborted(push.signal)]);
    answerEnd(scene, { code, stopped: watch.stopped, isOver: upload.isOver });
  } finally {
    res.off('close', closed);
    watch.end();
    upload.end();
    await git.end();
  }
}

function answerEnd(
  { req, res, limits }: PushScene,
  { code, stopped, isOver }: { code: number | null; stopped: PlatformError | null; isOver: boolean },
): void {
  if (res.headersSent) res.end();
  else if (isOver) refuse(req, res, { status: 413, text: packTooLarge(limits) });
  else if (stopped?.code === 'timeout') refuse(req, res, { status: 408, text: stopped.message });
  else if (code === 0) res.writeHead(200, { 'Content-Type': contentType, 'Cache-Control': 'no-cache' }).end();
  else refuse(req, res, { status: 400, text: 'git could not read this request.' });
}

function packTooLarge(limits: GitLimits): string {
  return `This push has more than ${mebibytes(limits.packBytes)}, which is the limit for one push.`;
}

function tooLargeLines(limits: GitLimits): Buffer {
  return Buffer.concat([
    progressPkt(` !     ${packTooLarge(limits)}`),
    progressPkt(
      ' !     Take large files out of the history, or push it in parts: git push paas OLDER-COMMIT:refs/heads/part',
    ),
    progressPkt(' !'),
    progressPkt(' !     Push rejected, it is too large.'),
  ]);
}

/** Ends a push that takes too long or that nobody waits for. */
class Watch {
  stopped: PlatformError | null = null;
  readonly #push: IncomingPush;
  readonly #git: GitProcess;
  readonly #limits: GitLimits;
  #timer: NodeJS.Timeout | undefined;

  constructor(push: IncomingPush, git: GitProcess, limits: GitLimits) {
    this.#push = push;
    this.#git = git;
    this.#limits = limits;
    push.signal.addEventListener('abort', () => this.stop(push.signal.reason), { once: true });
  }

  /** The phase that begins now has so long; it replaces the one before. */
  within(ms: number, what: string): void {
    clearTimeout(this.#timer);
    if (this.stopped) return;
    this.#timer = setTimeout(() => {
      this.stop(new PlatformError('timeout', `${what} took longer than ${Math.round(ms / 1000)} s.`));
    }, ms);
  }

  stop(reason: unknown): void {
    if (this.stopped) return;
    this.stopped = reason instanceof PlatformError ? reason : clientGone();
    clearTimeout(this.#timer);
    this.#push.cancel(this.stopped);
    void this.#letGo();
  }

  end(): void {
    clearTimeout(this.#timer);
  }

  async #letGo(): Promise<void> {
    if (this.#push.verdict) {
      await this.#push.verdict;
      await Promise.race([this.#git.exited, delay(this.#limits.finishMs, undefined, { ref: false })]).catch(() => {});
    }
    await this.#git.end();
  }
}

/** The client's body on its way to git: counted, kept going, and read to its end also when git wants no more. */
class Upload {
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
      if (this.isOver) {
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

  get isOver(): boolean {
    return this.bytes > this.#maxBytes;
  }

  /** Whether the client named a capability with its first ref update. */
  knows(capability: string): boolean {
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

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
