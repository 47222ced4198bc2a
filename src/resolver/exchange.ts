import type { ClientRequest, IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { request as openRequest } from '../system/node-http.ts';
import { answerWithPage, endAfterUpload } from './answer.ts';
import type { Connection } from './connections.ts';
import { Deadline } from './deadline.ts';
import { Dispatch, type DispatchDeps, type DispatchListener } from './dispatch.ts';
import { explain, type PageFacts, unknownHost } from './error-pages.ts';
import { type HCode, hCodes } from './h-codes.ts';
import type { Destination } from './live-routes.ts';
import type { RequestEvents } from './request-events.ts';
import type { RequestHead } from './request-head.ts';
import { RequestReport } from './request-report.ts';
import { responseHead } from './response-head.ts';
import type { Target } from './target.ts';

export interface ExchangeDeps extends DispatchDeps {
  readonly requestEvents: RequestEvents;
  /** True once the resolver stops. Connections are then closed after their request. */
  readonly closing: boolean;
}

/** Takes over when the instance switches protocols. Resolves at the end with the number of bytes sent to the client. */
export type SwitchProtocols = (switched: SwitchedConnection) => Promise<number>;

export interface SwitchedConnection {
  readonly target: Target;
  readonly answer: IncomingMessage;
  readonly socket: Duplex;
  /** The bytes that followed the answer. */
  readonly rest: Buffer;
}

type Phase = 'dispatching' | 'sent' | 'answering' | 'done';

/**
 * One request and its answer, streamed in both directions, each as fast as its receiver reads. An exchange ends with
 * the answer or with an error page. When part of the answer was sent already, it ends with the connection cut.
 */
export class Exchange implements DispatchListener {
  readonly #deps: ExchangeDeps;
  readonly #head: RequestHead;
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  readonly #switchProtocols: SwitchProtocols | null;
  readonly #dispatch: Dispatch;
  readonly #deadline: Deadline;
  readonly #report: RequestReport;
  #phase: Phase = 'dispatching';
  #destination: Destination | undefined;
  #target: Target | null = null;
  #upstream: ClientRequest | null = null;
  #connection: Connection | null = null;
  #wasUsed = false;
  #repeated = false;
  #receivedBytes = 0;
  #windowBytes = 0;
  #sentBytes = 0;
  /** The status of the instance's answer. */
  #status = 0;

  constructor(
    deps: ExchangeDeps,
    head: RequestHead,
    {
      request,
      response,
      switchProtocols = null,
    }: { request: IncomingMessage; response: ServerResponse; switchProtocols?: SwitchProtocols | null },
  ) {
    this.#deps = deps;
    this.#head = head;
    this.#request = request;
    this.#response = response;
    this.#switchProtocols = switchProtocols;
    this.#dispatch = new Dispatch(deps, head, this);
    this.#report = new RequestReport(head, deps.requestEvents);
    this.#deadline = new Deadline(() => this.#timedOut());
  }

  start(): void {
    this.#response.on('close', () => this.#clientGone());
    // A write to a client that has just disconnected emits `error`. The `close` event is enough to know.
    this.#response.on('error', ignore);
    this.#dispatch.next();
  }

  connected(connection: Connection, target: Target, destination: Destination): void {
    this.#target = target;
    this.#destination = destination;
    this.#connection = connection;
    this.#wasUsed = connection.used;
    this.#phase = 'sent';
    const nowMs = performance.now();
    this.#report.connected(target, nowMs);
    // Before the request is created, so that a body which has arrived already is sent together with the head.
    if (this.#head.hasBody) this.#forwardBody(destination, nowMs);
    else this.#deadline.set(destination.patience.firstByteMs, nowMs);
    connection.last = this.#isLast(destination, nowMs);
    const upstream = this.#open(connection, target);
    if (!upstream) return;
    this.#upstream = upstream;
    upstream.on('response', (answer) => this.#answered(answer));
    upstream.on('error', (error: NodeJS.ErrnoException) => this.#lost(upstream, error));
    // An unrequested switch of protocols closes the connection without any other event.
    upstream.on('close', () => this.#lost(upstream, null));
    if (this.#switchProtocols) upstream.on('upgrade', (answer, socket, rest) => this.#switched(answer, socket, rest));
    if (this.#head.expectsContinue) upstream.on('continue', () => this.#response.writeContinue());
    if (this.#head.hasBody) {
      upstream.on('drain', () => this.#request.resume());
      upstream.flushHeaders();
    } else upstream.end();
  }

  failed(code: HCode | 'unknown-host', destination: Destination | undefined): void {
    this.#destination = destination;
    if (code === 'unknown-host') {
      this.#phase = 'done';
      this.#answer({ status: 404, code: null, ...unknownHost(this.#head.hostname) });
    } else this.#fail(code);
  }

  /**
   * Whether the instance is told to close the connection. Not during an upload: it may answer before it has read all,
   * and its close would then be a reset, with which the answer can be lost.
   */
  #isLast({ keepAlive }: Destination, nowMs: number): boolean {
    const { repeatable, hasBody } = this.#head;
    if (this.#switchProtocols || (hasBody && !this.#request.complete)) return false;
    return !repeatable || keepAlive.isBroken(nowMs);
  }

  #open(connection: Connection, target: Target): ClientRequest | null {
    const { method, path } = this.#head;
    const headers = connection.last ? [...this.#head.headers, 'Connection', 'close'] : this.#head.headers;
    try {
      const options = { agent: target.connections, connection, host: target.address, port: target.port };
      return openRequest({ ...options, method, path, headers });
    } catch {
      // Node reads some paths and fields that it refuses to write. Nothing was written to the connection.
      target.connections.put(connection);
      this.#fail('H26');
      return null;
    }
  }

  #forwardBody({ patience }: Destination, nowMs: number): void {
    this.#deadline.set(patience.idleMs, nowMs);
    this.#request.on('data', (chunk: Buffer) => {
      if (this.#phase === 'done') return;
      this.#receivedBytes += chunk.length;
      if (this.#phase === 'answering') this.#deadline.set(patience.idleMs, performance.now());
      if (this.#upstream?.write(chunk) === false) this.#request.pause();
    });
    this.#request.on('end', () => {
      if (this.#phase === 'done') return;
      this.#upstream?.end();
      if (this.#phase === 'sent') this.#deadline.set(patience.firstByteMs, performance.now());
    });
  }

  #answered(answer: IncomingMessage): void {
    const target = this.#target;
    if (this.#phase !== 'sent' || !target) return;
    this.#phase = 'answering';
    this.#status = answer.statusCode ?? 0;
    const response = this.#response;
    const { headers, keepAliveMs } = responseHead(answer, this.#request.httpVersionMinor === 0);
    if (keepAliveMs !== null) target.connections.limitIdle(keepAliveMs);
    if (this.#deps.closing) response.shouldKeepAlive = false;
    try {
      response.writeHead(answer.statusCode ?? 502, answer.statusMessage ?? '', headers);
      this.#forwardAnswer(answer);
    } catch {
      this.#fail('H17');
    }
  }

  #forwardAnswer(answer: IncomingMessage): void {
    const response = this.#response;
    const idleMs = this.#destination?.patience.idleMs ?? this.#deps.timing.idleMs;
    this.#deadline.set(idleMs, performance.now());
    answer.on('data', (chunk: Buffer) => {
      this.#sentBytes += chunk.length;
      this.#deadline.set(idleMs, performance.now());
      if (!response.write(chunk)) answer.pause();
    });
    response.on('drain', () => {
      this.#deadline.set(idleMs, performance.now());
      answer.resume();
    });
    answer.on('end', () => this.#completed(answer));
    answer.on('error', () => this.#fail('H18'));
    // The head is sent together with the first bytes of the body, or alone when there are none yet.
    process.nextTick(() => {
      if (this.#sentBytes === 0 && !response.writableEnded && !response.destroyed) response.flushHeaders();
    });
  }

  #completed(answer: IncomingMessage): void {
    if (this.#phase === 'done') return;
    this.#report.served(this.#destination, this.#status, this.#sentBytes);
    this.#finish();
    const trailers = answer.rawTrailers;
    if (trailers.length > 0) addTrailers(this.#response, trailers);
    endAfterUpload(this.#response, this.#lingerMs());
    // The instance answered before it had the whole request: that connection cannot carry another.
    if (!this.#upstream?.writableEnded) this.#upstream?.destroy();
  }

  #switched(answer: IncomingMessage, socket: Duplex, rest: Buffer): void {
    const target = this.#target;
    if (this.#phase !== 'sent' || !target || !this.#switchProtocols) {
      socket.destroy();
      return;
    }
    this.#phase = 'done';
    this.#target = null;
    this.#deadline.clear();
    this.#status = answer.statusCode ?? 0;
    this.#switchProtocols({ target, answer, socket, rest }).then((bytes) => {
      this.#sentBytes = bytes;
      this.#report.served(this.#destination, this.#status, this.#sentBytes);
    }, ignore);
  }

  /** The connection ended before an answer. */
  #lost(upstream: ClientRequest, error: NodeJS.ErrnoException | null): void {
    const target = this.#target;
    if (this.#phase !== 'sent' || this.#upstream !== upstream || !target) return;
    const isMalformed = error === null || error.code?.startsWith('HPE_');
    const mayRepeat = this.#head.repeatable && !isMalformed && (this.#wasUsed || !this.#repeated);
    if (mayRepeat) {
      // A used connection may have been closed by the instance just now, which is no failure. The loss of a new one
      // uses up the only repetition.
      this.#repeated ||= !this.#wasUsed;
      if (this.#wasUsed && this.#connection) target.connections.lost(this.#connection);
      this.#release();
      this.#phase = 'dispatching';
      this.#dispatch.again(target, this.#wasUsed);
    } else if (isMalformed) this.#fail('H17');
    else this.#fail(this.#request.complete ? 'H13' : 'H18');
  }

  #timedOut(): void {
    const { timing } = this.#deps;
    const instanceIsAsked = this.#request.complete || !this.#head.hasBody || this.#upstream?.writableNeedDrain;
    if (this.#phase === 'answering') this.#fail('H15');
    else if (instanceIsAsked) this.#fail('H12');
    else if (this.#receivedBytes - this.#windowBytes < timing.uploadFloorBytes) this.#fail('H28');
    else {
      this.#windowBytes = this.#receivedBytes;
      this.#deadline.set(this.#destination?.patience.idleMs ?? timing.idleMs, performance.now());
    }
  }

  #clientGone(): void {
    if (this.#phase === 'done') return;
    // A client that has the answer's head may disconnect at any time: readers of event streams always end so.
    if (this.#phase === 'answering') this.#report.served(this.#destination, this.#status, this.#sentBytes);
    else this.#report.failed('H27', this.#destination, this.#sentBytes);
    this.#dispatch.cancel();
    this.#finish();
    this.#upstream?.destroy();
  }

  #fail(code: HCode): void {
    if (this.#phase === 'done') return;
    this.#report.failed(code, this.#destination, this.#sentBytes);
    this.#finish();
    this.#upstream?.destroy();
    const { status } = hCodes[code];
    if (this.#response.headersSent) this.#response.destroy();
    // The log calls a client's own failure 499. The client itself gets a status that it knows.
    else this.#answer({ status: status === 499 ? 408 : status, code, ...explain(code) });
  }

  #answer(facts: Omit<PageFacts, 'requestId'>): void {
    const page = { ...facts, requestId: this.#head.requestId };
    answerWithPage(this.#response, page, this.#lingerMs());
  }

  /** A client that sent `Expect: 100-continue` and got no 100 has nothing more to send. */
  #lingerMs(): number {
    const isRefused = this.#head.expectsContinue && this.#receivedBytes === 0;
    return isRefused ? 0 : this.#deps.timing.lingerMs;
  }

  #finish(): void {
    this.#phase = 'done';
    this.#deadline.clear();
    this.#release();
  }

  #release(): void {
    this.#deadline.clear();
    this.#target?.end();
    this.#target = null;
  }
}

function addTrailers(response: ServerResponse, raw: readonly string[]): void {
  const trailers: [string, string][] = [];
  for (let at = 0; at < raw.length; at += 2) trailers.push([raw[at] ?? '', raw[at + 1] ?? '']);
  try {
    response.addTrailers(trailers);
  } catch {
    // Trailers are optional. Those that Node refuses to write are left out.
  }
}

function ignore(): void {}
