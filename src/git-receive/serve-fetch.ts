import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Readable } from 'node:stream';
import type { Logger } from '../system/logger.ts';
import { contentLength, refuse, relay } from './http-answer.ts';
import type { GitLimits } from './limits.ts';
import { flushPkt, pktLine, readPktLines } from './pkt-line.ts';
import type { Repository } from './repository.ts';
import { decodedBody } from './request-body.ts';
import type { GitService } from './routes.ts';

export interface FetchExchange {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  readonly repository: Repository;
  readonly limits: GitLimits;
  readonly logger: Logger;
}

/** Serves `GET info/refs`: the refs, and the capabilities of this server. */
export async function serveAdvertisement(exchange: FetchExchange, service: GitService): Promise<void> {
  const protocol = gitProtocol(exchange.req, service);
  const options = ['--stateless-rpc', '--http-backend-info-refs'];
  // An answer in version 2 begins without the line that names the service, as git http-backend has it.
  const isVersion2 = protocol?.split(':').includes('version=2') ?? false;
  const prefix = isVersion2 ? null : Buffer.concat([pktLine(`# service=${service}\n`), flushPkt]);
  await run(exchange, { service, options, input: null, protocol, prefix, answers: 'advertisement' });
}

/**
 * Serves `POST git-upload-pack`: a fetch or clone. A client may ask only for objects that a branch or tag points to.
 */
export async function serveFetch(exchange: FetchExchange): Promise<void> {
  const { req, res, repository, limits } = exchange;
  if (contentLength(req) > limits.fetchRequestBytes) return tooLarge(exchange);
  const body = decodedBody(req);
  if (!body) return refuse(req, res, { status: 415, text: 'Only gzip is understood as Content-Encoding.' });
  let input: Buffer | null;
  try {
    input = await readWhole(body, limits);
  } catch {
    return refuse(req, res, { status: 400, text: 'The request broke off, or is not in the encoding that it names.' });
  }
  if (input === null) return tooLarge(exchange);
  const strange = await findStrangeWant(repository, input);
  if (strange) {
    res.writeHead(200, { 'Content-Type': 'application/x-git-upload-pack-result', 'Cache-Control': 'no-cache' });
    res.end(pktLine(`ERR upload-pack: not our ref ${strange}`));
    return;
  }
  const service = 'git-upload-pack';
  const options = ['--strict', '--timeout=60', '--stateless-rpc'];
  await run(exchange, {
    service,
    options,
    input,
    protocol: gitProtocol(req, service),
    prefix: null,
    answers: 'result',
  });
}

function tooLarge({ req, res }: FetchExchange): void {
  refuse(req, res, { status: 413, text: 'The request is too large.', headers: { Connection: 'close' } });
}

async function run(
  { req, res, repository, limits, logger }: FetchExchange,
  {
    service,
    options,
    input,
    protocol,
    prefix,
    answers,
  }: {
    readonly service: GitService;
    readonly options: readonly string[];
    readonly input: Buffer | null;
    readonly protocol: string | null;
    readonly prefix: Buffer | null;
    readonly answers: 'advertisement' | 'result';
  },
): Promise<void> {
  const command = service.slice('git-'.length);
  const git = repository.serve(command, options, protocol ? { GIT_PROTOCOL: protocol } : {});
  const end = () => void git.end();
  const timer = setTimeout(end, limits.fetchMs);
  res.once('close', end);
  try {
    git.stdin.end(input ?? undefined);
    const contentType = `application/x-${service}-${answers}`;
    await relay(git.stdout, res, { contentType, prefix: () => prefix, stallMs: limits.stallMs });
    const { code } = await git.exited;
    if (code !== 0 && !res.destroyed) logger.warn('git failed', { service, code, stderr: git.stderr });
    if (res.headersSent) res.end();
    else if (code === 0) res.writeHead(200, { 'Content-Type': contentType }).end();
    else refuse(req, res, { status: 400, text: 'git could not answer this request.' });
  } finally {
    clearTimeout(timer);
    res.off('close', end);
    await git.end();
  }
}

/** The Git-Protocol header when it has git's own form, else null. receive-pack has no version 2. */
export function gitProtocol(req: IncomingMessage, service: GitService): string | null {
  const header = req.headers['git-protocol'];
  if (typeof header !== 'string' || !/^[a-z0-9=:]{1,64}$/.test(header)) return null;
  return service === 'git-receive-pack' && header.includes('version=2') ? null : header;
}

/** Null when the body is over the limit. Throws when it breaks off, stops coming or is not gzip. */
async function readWhole(body: Readable, limits: GitLimits): Promise<Buffer | null> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  const timer = setTimeout(() => body.destroy(new Error('The request stopped coming.')), limits.uploadIdleMs);
  const { promise, resolve, reject } = Promise.withResolvers<Buffer | null>();
  body.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    timer.refresh();
    if (bytes <= limits.fetchRequestBytes) chunks.push(chunk);
    else resolve(null);
  });
  body.once('end', () => resolve(Buffer.concat(chunks)));
  body.once('error', reject);
  body.once('close', () => reject(new Error('The request was broken off.')));
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    body.removeAllListeners('data');
  }
}

/**
 * The first wanted object that no ref points to, or null. Under protocol version 2 git itself sends any object whose id
 * is known, such as a secret that was pushed and then force-pushed away (gitnamespaces(7), SECURITY).
 */
async function findStrangeWant(repository: Repository, input: Buffer): Promise<string | null> {
  const wants = new Set<string>();
  for (const line of readPktLines(input)) {
    // Any text is taken: git also accepts capital letters as digits, and ignores what follows the fortieth.
    const wanted = /^want (.*)$/s.exec(line?.toString('latin1') ?? '')?.[1];
    if (wanted !== undefined) wants.add(wanted.split(/[\s\0]/, 1)[0] ?? '');
  }
  if (wants.size === 0) return null;
  const format = '--format=%(objectname) %(*objectname)';
  const listed = await repository.read({ name: 'for-each-ref', options: [format] }, { maxBytes: 64 * 1024 * 1024 });
  const tips = new Set(listed.toString().split(/\s+/));
  return [...wants].find((id) => !tips.has(id)) ?? null;
}
