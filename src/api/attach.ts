import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { type RawData, type WebSocket, WebSocketServer } from 'ws';
import { PlatformError, publicMessage } from '../domain/errors.ts';
import type { RunSession } from '../domain/operations.ts';
import { accessSignal, stillAllowed } from './access-watch.ts';
import { type AttachedOutput, sendOutput } from './attached-output.ts';
import { apartProtocol, markedFrame, type OutputName } from './contract/attach-frames.ts';
import { AttachInput, type AttachOutput } from './contract.ts';
import type { Entrance } from './entrance.ts';
import { linger } from './linger.ts';
import { isForeignOrigin } from './origin.ts';
import type { RouteDeps } from './route-deps.ts';
import type { AttachTicket } from './secret-links.ts';

const maxMessageBytes = 1024 * 1024;
/** Below the idle limit of proxies on the way (55 s at Heroku's router and at the resolver). */
const pingEveryMs = 25_000;
/** After the exit of the process its last output may still come. Usually the stream ends earlier. */
const lastOutputMs = 2_000;
const goodbyeMs = 500;
/** A slow client has this time to read the last output before the connection is cut. */
const slowestEndMs = 15 * 60_000;

/**
 * Terminals of one-offs, over a WebSocket at an address that works once. Binary frames are bytes in both directions, to the
 * client with its streams apart if it asks for `apartProtocol`. Text frames are AttachInput from the client and
 * AttachOutput to it.
 */
export class AttachDoor {
  readonly #deps: RouteDeps;
  readonly #entrance: Entrance;
  readonly #sockets = new WebSocketServer({
    noServer: true,
    maxPayload: maxMessageBytes,
    perMessageDeflate: false,
    handleProtocols: (offered) => offered.has(apartProtocol) && apartProtocol,
    // Missing in the package's types.
    ...({ closeTimeout: slowestEndMs } as object),
  });

  constructor(deps: RouteDeps, entrance: Entrance) {
    this.#deps = deps;
    this.#entrance = entrance;
  }

  upgrade(request: IncomingMessage, socket: Socket, head: Buffer): void {
    socket.on('error', () => socket.destroy());
    this.#admit(request)
      .then((ticket) => {
        this.#entrance.admitConnection(socket, ticket.actor.accountId);
        this.#sockets.handleUpgrade(request, socket, head, (client) => {
          this.#serve(client, ticket).catch((error: unknown) =>
            this.#deps.logger.error('A terminal failed by a defect.', { error }),
          );
        });
      })
      .catch((error: unknown) => {
        const { code } = error as PlatformError;
        const status = code === 'rate_limited' ? '429 Too Many Requests' : '404 Not Found';
        socket.write(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
        linger(socket);
      });
  }

  /** Closes all terminals. Cuts off clients that do not answer within 500 ms. */
  close(): void {
    const clients = [...this.#sockets.clients];
    for (const client of clients) client.close(1001, 'The platform is stopping.');
    this.#sockets.close();
    setTimeout(() => {
      for (const client of clients) client.terminate();
    }, goodbyeMs).unref();
  }

  async #admit(request: IncomingMessage): Promise<AttachTicket> {
    const { pathname } = new URL(request.url ?? '/', 'http://localhost');
    const secret = /^\/attach\/([\w-]{43})$/.exec(pathname)?.[1];
    const ticket = secret !== undefined && !isForeignOrigin(request) ? this.#deps.attachLinks.take(secret) : null;
    if (ticket && (await stillAllowed(this.#deps, ticket.actor, ticket.appId))) return ticket;
    throw new PlatformError('not_found', 'This address is no longer valid.');
  }

  async #serve(client: WebSocket, ticket: AttachTicket): Promise<void> {
    const { operations, store, closing } = this.#deps;
    // Input that comes before the process has started waits in the socket.
    client.pause();
    const gone = new AbortController();
    client.once('close', () => gone.abort(new PlatformError('cancelled', 'The terminal went away.')));
    client.on('error', () => client.terminate());
    const signal = accessSignal(this.#deps, { ...ticket, signal: AbortSignal.any([gone.signal, closing]) });
    signal.addEventListener('abort', () => client.close(1001), { once: true });
    const stopPings = keepAlive(client);
    try {
      const app = await store.apps.get(ticket.appId);
      const session = await operations.attachRun(app, ticket.instanceId, signal);
      const output = connect(client, session);
      const code = await session.exited;
      output.release();
      await Promise.race([output.ended, this.#deps.clock.sleep(lastOutputMs, signal).catch(() => undefined)]);
      sendLast(client, { type: 'exit', code });
    } catch (error) {
      sendLast(client, { type: 'error', message: publicMessage(error) });
    } finally {
      stopPings();
    }
  }
}

/** Copies bytes in both directions, each at the speed of its reader. */
function connect(client: WebSocket, session: RunSession): AttachedOutput {
  const { stdin, stdout, stderr } = session;
  client.on('message', (data, isBinary) => {
    if (!isBinary) return control(client, session, data);
    if (stdin.writableEnded || stdin.write(asBuffer(data))) return;
    client.pause();
    stdin.once('drain', () => client.resume());
  });
  client.resume();
  const frame = (name: OutputName) => (chunk: Buffer) =>
    client.protocol === apartProtocol ? markedFrame(name, chunk) : chunk;
  return sendOutput(client, [
    [stdout, frame('stdout')],
    [stderr, frame('stderr')],
  ]);
}

function control(client: WebSocket, session: RunSession, data: RawData): void {
  const input = AttachInput.safeParse(parse(asBuffer(data).toString('utf8')));
  if (!input.success) client.close(1008, 'A text frame is AttachInput.');
  else if (input.data.type === 'eof') session.stdin.end();
  else session.resize(input.data).catch(() => undefined);
}

function sendLast(client: WebSocket, last: AttachOutput): void {
  if (client.readyState !== client.OPEN) return;
  client.resume();
  client.send(JSON.stringify(last), () => client.close(last.type === 'exit' ? 1000 : 1011));
}

function keepAlive(client: WebSocket): () => void {
  let answered = true;
  // A client that waits for the reader of its output reads nothing, and so answers no ping, but it sends its own.
  for (const sign of ['pong', 'ping']) {
    client.on(sign, () => {
      answered = true;
    });
  }
  const timer = setInterval(() => {
    if (!answered && !client.isPaused) return client.terminate();
    answered = false;
    client.ping();
  }, pingEveryMs);
  client.once('close', () => clearInterval(timer));
  return () => clearInterval(timer);
}

function asBuffer(data: RawData): Buffer {
  if (Array.isArray(data)) return Buffer.concat(data);
  return Buffer.isBuffer(data) ? data : Buffer.from(data);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
