import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { answerWithPage, endAfterUpload } from './answer.ts';
import type { MalformedAnswer } from './answer-fields.ts';
import type { FramedAnswer } from './answer-framing.ts';
import type { AnswerHead } from './answer-head.ts';
import type { Connection } from './connections.ts';
import type { CookieGuard } from './cookie-guard.ts';
import { Deadline } from './deadline.ts';
import { Dispatch, type DispatchDeps, type DispatchListener } from './dispatch.ts';
import { explain, explainCrash, type PageFacts, unknownHost } from './error-pages.ts';
import { type HCode, hCodes } from './h-codes.ts';
import type { IncomingRequest } from './incoming-request.ts';
import type { InstanceSocket } from './instance-socket.ts';
import type { Destination } from './live-routes.ts';
import { OutgoingRequest, requestHeadText } from './outgoing-request.ts';
import { Outlet } from './outlet.ts';
import type { RequestEvents } from './request-events.ts';
import type { RequestHead } from './request-head.ts';
import { RequestReport } from './request-report.ts';
import { responseHead, responseTrailers } from './response-head.ts';
import type { SlowClients, WatchedClient } from './slow-clients.ts';
import { discard } from './spare-buffers.ts';
import type { Target } from './target.ts';

export interface ExchangeDeps extends DispatchDeps {
  readonly requestEvents: RequestEvents;
  readonly cookies: CookieGuard;
  readonly slowClients: SlowClients;
  /** The largest head of an instance's answer. */
  readonly maxAnswerHeadBytes: number;
  /** True once the resolver stops. Connections are then closed after their request. */
  readonly closing: boolean;
}

/** Takes over when the instance switches protocols. Resolves at the end with the number of bytes sent to the client. */
export type SwitchProtocols = (switched: SwitchedConnection) => Promise<number>;

export interface SwitchedConnection {
  readonly target: Target;
  readonly answer: AnswerHead;
  readonly socket: InstanceSocket;
  /** The bytes that followed the answer, valid during the call only. */
  readonly rest: Buffer;
}

type Phase = 'dispatching' | 'sent' | 'answering' | 'done';

/**
 * One request and its answer, streamed in both directions, each as fast as its receiver reads. An exchange ends with
 * the answer or with an error page. When part of the answer was sent already, it ends with the connection cut.
 */
export class Exchange implements DispatchListener, WatchedClient {
  readonly #deps: ExchangeDeps;
  readonly #head: RequestHead;
  readonly #request: IncomingRequest;
  readonly #response: ServerResponse;
  readonly #switchProtocols: SwitchProtocols | null;
  /** To the client. */
  readonly #outlet: Outlet;
  readonly #dispatch: Dispatch;
  readonly #deadline: Deadline;
  readonly #report: RequestReport;
  #phase: Phase = 'dispatching';
  #destination: Destination | undefined;
  #target: Target | null = null;
  #upstream: OutgoingRequest | null = null;
  #connection: Connection | null = null;
  #wasUsed = false;
  #repeated = false;
  #receivedBytes = 0;
  /** Of `receivedBytes`, when the deadline was set last. */
  #windowBytes = 0;
  #isContinued = false;
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
    }: { request: IncomingRequest; response: ServerResponse; switchProtocols?: SwitchProtocols | null },
  ) {
    this.#deps = deps;
    this.#head = head;
    this.#request = request;
    this.#response = response;
    this.#switchProtocols = switchProtocols;
    this.#outlet = new Outlet(response, () => this.#drained());
    this.#dispatch = new Dispatch(deps, head, this);
    this.#report = new RequestReport(head, deps.requestEvents);
    this.#deadline = new Deadline(() => this.#timedOut());
  }

  get socket(): Socket {
    return this.#request.socket;
  }

  get receivedBytes(): number {
    return this.#receivedBytes;
  }

  get isAwaited(): boolean {
    const request = this.#request;
    const mayBegin = !this.#head.expectsContinue || this.#isContinued || this.#receivedBytes > 0;
    return this.#head.hasBody && mayBegin && !request.complete && !request.isPaused() && !request.isHeld;
  }

  cut(): void {
    // What is left of an answer that the instance has completed.
    if (this.#phase === 'done') this.socket.destroy();
    else this.#fail('H28');
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
    this.#upstream = this.#open(connection, target);
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

  #open(connection: Connection, target: Target): OutgoingRequest | null {
    const { connections } = target;
    const switchProtocols = this.#switchProtocols !== null;
    const option = switchProtocols ? 'Upgrade' : connection.last ? 'close' : 'keep-alive';
    const headText = requestHeadText(this.#head, option);
    if (headText === null) {
      connections.put(connection);
      this.#fail('H26');
      return null;
    }
    const { maxAnswerHeadBytes } = this.#deps;
    const facts = { head: this.#head, connection, connections, switchProtocols, maxAnswerHeadBytes };
    return new OutgoingRequest(headText, facts, {
      continued: () => this.#continued(),
      answered: (answer) => this.#answered(answer),
      body: (bytes) => this.#forwardAnswer(bytes),
      drained: () => this.#request.resume(),
      complete: (trailers) => this.#completed(trailers),
      switched: (answer, socket, rest) => this.#switched(answer, socket, rest),
      failed: (malformed) => this.#lost(malformed),
    });
  }

  #continued(): void {
    if (!this.#head.expectsContinue || this.#phase !== 'sent') return;
    this.#isContinued = true;
    this.#response.writeContinue();
  }

  /** Until the end of the response. The platform's own doors watch their clients themselves. */
  #watchClient(): void {
    if (this.#destination?.appId != null) this.#deps.slowClients.add(this);
  }

  #forwardBody({ patience }: Destination, nowMs: number): void {
    this.#watchClient();
    this.#deadline.set(patience.idleMs, nowMs);
    this.#request.on('data', (chunk: Buffer) => {
      if (this.#phase === 'done') {
        discard(chunk);
        return;
      }
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

  #answered({ head }: FramedAnswer): void {
    const target = this.#target;
    if (this.#phase !== 'sent' || !target) return;
    this.#phase = 'answering';
    this.#status = head.status;
    const response = this.#response;
    const fields = this.#withoutForeignCookies(head.fields);
    const { headers, keepAliveMs } = responseHead({ fields }, this.#request.httpVersionMinor === 0);
    if (keepAliveMs !== null) target.connections.limitIdle(keepAliveMs);
    if (this.#deps.closing) response.shouldKeepAlive = false;
    try {
      response.writeHead(head.status, head.reason, headers);
    } catch (error) {
      // Node's own checks of a head are no more than those that the reader has made.
      this.#fail('H17', String(error));
      return;
    }
    const { idleMs } = this.#destination?.patience ?? this.#deps.timing;
    this.#deadline.set(idleMs, performance.now());
    // The head is sent together with the first bytes of the body, or alone when there are none yet.
    process.nextTick(() => {
      if (this.#sentBytes === 0 && !response.writableEnded && !response.destroyed) response.flushHeaders();
    });
  }

  #withoutForeignCookies(fields: readonly string[]): readonly string[] {
    const destination = this.#destination;
    return destination ? this.#deps.cookies.pass(fields, this.#head, { destination, target: this.#target }) : fields;
  }

  #forwardAnswer(bytes: Buffer): void {
    if (this.#phase !== 'answering') return;
    const { idleMs } = this.#destination?.patience ?? this.#deps.timing;
    this.#sentBytes += bytes.length;
    this.#deadline.set(idleMs, performance.now());
    if (this.#outlet.write(bytes)) return;
    this.#watchClient();
    this.#upstream?.pause();
  }

  #drained(): void {
    if (this.#phase !== 'answering') return;
    const { idleMs } = this.#destination?.patience ?? this.#deps.timing;
    this.#deadline.set(idleMs, performance.now());
    this.#upstream?.resume();
  }

  #completed(trailers: readonly string[]): void {
    if (this.#phase === 'done') return;
    this.#report.served(this.#destination, this.#status, this.#sentBytes);
    this.#finish();
    this.#watchClient();
    this.#outlet.flush();
    if (trailers.length > 0) this.#response.addTrailers(responseTrailers(trailers));
    endAfterUpload(this.#response, this.#lingerMs());
  }

  #switched(answer: AnswerHead, socket: InstanceSocket, rest: Buffer): void {
    const target = this.#target;
    if (this.#phase !== 'sent' || !target || !this.#switchProtocols) {
      socket.destroy();
      return;
    }
    const fields = this.#withoutForeignCookies(answer.fields);
    this.#phase = 'done';
    this.#target = null;
    this.#deadline.clear();
    this.#status = answer.status;
    this.#watchClient();
    this.#switchProtocols({ target, answer: { ...answer, fields }, socket, rest }).then((bytes) => {
      this.#deps.slowClients.remove(this);
      this.#sentBytes = bytes;
      this.#report.served(this.#destination, this.#status, this.#sentBytes);
    }, ignore);
  }

  /** The answer broke a rule, or the connection ended before the answer did. */
  #lost(malformed: MalformedAnswer | null): void {
    const target = this.#target;
    if (this.#phase === 'done' || this.#phase === 'dispatching' || !target) return;
    if (malformed) {
      this.#fail('H17', malformed.rule);
      return;
    }
    if (this.#phase === 'answering') {
      this.#fail('H18');
      return;
    }
    const mayRepeat = this.#head.repeatable && (this.#wasUsed || !this.#repeated);
    if (mayRepeat) {
      // A used connection may have been closed by the instance just now, which is no failure. The loss of a new one
      // uses up the only repetition.
      this.#repeated ||= !this.#wasUsed;
      if (this.#wasUsed && this.#connection) target.connections.lost(this.#connection);
      this.#release();
      this.#phase = 'dispatching';
      this.#dispatch.again(target, this.#wasUsed);
    } else this.#fail(this.#request.complete ? 'H13' : 'H18');
  }

  #timedOut(): void {
    const { timing } = this.#deps;
    const instanceIsAsked = this.#request.complete || !this.#head.hasBody || this.#upstream?.needsDrain;
    const isWatched = timing.minBytesPerSecond > 0 && this.#destination?.appId != null;
    const isSilent = this.#receivedBytes === this.#windowBytes;
    if (this.#phase === 'answering' && !this.#outlet.isFull) this.#fail('H15');
    else if (this.#phase === 'answering' && !isWatched) this.#fail('H28');
    else if (this.#phase !== 'answering' && instanceIsAsked) this.#fail('H12');
    else if (this.#phase !== 'answering' && isSilent) this.#fail('H28');
    else {
      this.#windowBytes = this.#receivedBytes;
      this.#deadline.set(this.#destination?.patience.idleMs ?? timing.idleMs, performance.now());
    }
  }

  #clientGone(): void {
    this.#outlet.close();
    this.#deps.slowClients.remove(this);
    if (this.#phase === 'done') return;
    // A client that has the answer's head may disconnect at any time: readers of event streams always end so.
    if (this.#phase === 'answering') this.#report.served(this.#destination, this.#status, this.#sentBytes);
    else this.#report.failed('H27', this.#destination, { sentBytes: this.#sentBytes });
    this.#dispatch.cancel();
    this.#finish();
    this.#upstream?.destroy();
  }

  #fail(code: HCode, rule: string | null = null): void {
    if (this.#phase === 'done') return;
    this.#report.failed(code, this.#destination, { sentBytes: this.#sentBytes, rule });
    this.#finish();
    this.#upstream?.destroy();
    const { status } = hCodes[code];
    if (this.#response.headersSent) this.#response.destroy();
    // The log calls a client's own failure 499. The client itself gets a status that it knows.
    else {
      const words = code === 'H10' ? explainCrash(this.#destination?.startsAtMs ?? null, Date.now()) : explain(code);
      this.#answer({ status: status === 499 ? 408 : status, code, ...words });
    }
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

function ignore(): void {}
