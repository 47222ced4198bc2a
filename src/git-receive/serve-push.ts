import type { IncomingMessage, ServerResponse } from 'node:http';
import type { PlatformError } from '../domain/errors.ts';
import { aborted } from '../system/aborted.ts';
import type { Logger } from '../system/logger.ts';
import { contentLength, refuse, relay } from './http-answer.ts';
import { clientGone, type IncomingPush } from './incoming-push.ts';
import type { GitLimits } from './limits.ts';
import { progressPkt } from './pkt-line.ts';
import { PushWatch } from './push-watch.ts';
import { decodedBody } from './request-body.ts';
import { gitProtocol } from './serve-fetch.ts';
import { mebibytes } from './source-listing.ts';
import { Upload } from './upload.ts';

export interface PushExchange {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  readonly push: IncomingPush;
  readonly limits: GitLimits;
  readonly logger: Logger;
}

const contentType = 'application/x-git-receive-pack-result';
/** Room for the ref updates and capabilities that come before the pack. */
const commandBytes = 4 * 1024 * 1024;
const sideband = 'side-band-64k';

/**
 * Serves `POST git-receive-pack`. git takes the objects into quarantine and checks them, its hook asks for the verdict
 * (judge.ts), and the output of the hook and the build goes to the client as it comes. Resolves when git has ended.
 *
 * A client that goes away before the hook asks ends everything. While the verdict is being found, the deploy is
 * cancelled and git runs on until the verdict is there: the repository must get the commit of a version that serves
 * already.
 */
export async function servePush(exchange: PushExchange): Promise<void> {
  const { req, res, push, limits, logger } = exchange;
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
  const watch = new PushWatch(push, git, limits);
  const upload = new Upload(body, git, {
    head: push.head,
    maxBytes,
    idleMs: limits.uploadIdleMs,
    stop: (why) => watch.stop(why),
  });
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
    const prefix = () => (upload.bytes > limits.packBytes && push.head.has(sideband) ? tooLargeLines(limits) : null);
    await relay(git.stdout, res, { contentType, prefix, stallMs: limits.stallMs });
    const { code, signal } = await git.exited;
    if (code !== 0) logger.warn('git receive-pack failed', { code, signal, stderr: git.stderr });
    await Promise.race([upload.drained(), aborted(push.signal)]);
    answerEnd(exchange, { code, stopped: watch.stopped, isTooLarge: upload.isTooLarge });
  } finally {
    res.off('close', closed);
    watch.end();
    upload.end();
    await git.end();
  }
}

function answerEnd(
  { req, res, limits }: PushExchange,
  { code, stopped, isTooLarge }: { code: number | null; stopped: PlatformError | null; isTooLarge: boolean },
): void {
  if (res.headersSent) res.end();
  else if (isTooLarge) refuse(req, res, { status: 413, text: packTooLarge(limits) });
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
