import type { Readable } from 'node:stream';
import { type RawData, WebSocket } from 'ws';
import { apartProtocol, type OutputName, readMarkedFrame } from '../api/contract/attach-frames.ts';
import type { AttachInput, AttachOutput } from '../api/contract.ts';
import { PlatformError } from '../domain/errors.ts';
import { exitCodes, unreadable } from './errors.ts';
import { isLocalhostName, lookUpLocalhost } from './http.ts';
import type { Io } from './io.ts';

const connectTimeoutMs = 30_000;
const pingMs = 20_000;
const largestFrame = 4 * 1024 * 1024;
/** The server accepts frames of up to 1 MiB. */
const sentFrame = 256 * 1024;

/** Connects to a one-off. The address works once. Throws `unavailable` when the platform refuses the connection. */
export async function connectToOneOff(attachUrl: string, signal: AbortSignal): Promise<OneOffConnection> {
  const url = new URL(attachUrl);
  const socket = new WebSocket(url, [apartProtocol], {
    ...(isLocalhostName(url.hostname) ? { lookup: lookUpLocalhost } : {}),
    handshakeTimeout: connectTimeoutMs,
    maxPayload: largestFrame,
    perMessageDeflate: false,
  });
  const connection = new OneOffConnection(socket);
  await connection.opened;
  signal.addEventListener('abort', () => socket.terminate(), { once: true });
  return connection;
}

/** A terminal, or two pipes, to a one-off's process. Binary frames carry bytes, text frames carry the contract's messages. */
export class OneOffConnection {
  readonly opened: Promise<void>;
  readonly #socket: WebSocket;
  readonly #ended: Promise<AttachOutput>;
  /** Output received before `relay` is called: the process starts as soon as it is attached. */
  #early: Buffer[] | null = [];
  #outputs: Pick<Io, OutputName> | null = null;
  readonly #unread = Promise.withResolvers<void>();

  constructor(socket: WebSocket) {
    this.#socket = socket;
    const opened = Promise.withResolvers<void>();
    const ended = Promise.withResolvers<AttachOutput>();
    this.opened = opened.promise;
    this.#ended = ended.promise;
    this.#ended.catch(() => {}); // `relay` reports it, and may be called later.
    const fail = (reason: string, cause?: unknown) => {
      const error = new PlatformError('unavailable', reason, { hint: 'To see what runs: paas ps', cause });
      opened.reject(error);
      ended.reject(error);
    };
    socket.on('open', opened.resolve);
    socket.on('unexpected-response', (_request, response) => {
      fail(`The platform did not connect the command: it answered ${response.statusCode}.`);
      socket.terminate();
    });
    socket.on('error', (error) => fail(`The connection to the command failed: ${error.message}.`, error));
    socket.on('close', () => fail('The connection to the command was lost before it ended.'));
    socket.on('message', (data, isBinary) => {
      if (isBinary) this.#write(toBuffer(data));
      else ended.resolve(JSON.parse(toBuffer(data).toString('utf8')));
    });
  }

  /**
   * Connects this program's input and outputs to the process until it ends. Resolves with its exit code. When nobody reads
   * one of the outputs any more, it disconnects, which ends the process, and resolves with the code that a shell gives for a
   * process that wrote to a closed pipe. Throws `not_found` for an input that cannot be read.
   */
  async relay(io: Pick<Io, 'stdin' | 'stdout' | 'stderr'>, { tty }: { readonly tty: boolean }): Promise<number> {
    const { stdin, stdout } = io;
    this.#outputs = io;
    for (const chunk of this.#early ?? []) this.#write(chunk);
    this.#early = null;
    const resize = () => this.#sendMessage({ type: 'resize', columns: stdout.columns || 80, rows: stdout.rows || 24 });
    const ping = setInterval(() => this.#socket.ping(), pingMs);
    if (tty) {
      // The process gets every key, Ctrl-C too.
      stdin.setRawMode?.(true);
      stdout.on('resize', resize);
      resize();
    }
    const input = this.#sendInput(stdin);
    try {
      const unread = this.#unread.promise.then(() => ({ type: 'exit' as const, code: exitCodes.unread }));
      const end = await Promise.race([this.#ended, unread, input.failed]);
      if (end.type === 'error') throw new PlatformError('unavailable', end.message);
      return end.code;
    } finally {
      clearInterval(ping);
      input.stop();
      if (tty) {
        stdin.setRawMode?.(false);
        stdout.off('resize', resize);
      }
      // A connection that waits for a reader would not see the other side's goodbye.
      if (this.#socket.isPaused) this.#socket.terminate();
      else this.#socket.close();
    }
  }

  /** Sends the input and its end, no faster than the connection takes it. */
  #sendInput(stdin: Readable): { readonly failed: Promise<never>; readonly stop: () => void } {
    const send = (chunk: Buffer | string) => {
      const bytes = Buffer.from(chunk);
      if (bytes.length === 0) return;
      stdin.pause();
      for (let at = 0; at < bytes.length; at += sentFrame) {
        const isLast = at + sentFrame >= bytes.length;
        this.#socket.send(
          bytes.subarray(at, at + sentFrame),
          { binary: true },
          isLast ? () => stdin.resume() : undefined,
        );
      }
    };
    const end = () => this.#sendMessage({ type: 'eof' });
    const failed = new Promise<never>((_, reject) => {
      stdin.once('error', (error) => reject(unreadable('Standard input', error)));
    });
    stdin.on('data', send).once('end', end);
    if (stdin.readableEnded) end();
    const stop = () => {
      stdin.off('data', send).off('end', end);
      stdin.pause();
    };
    return { failed, stop };
  }

  #write(frame: Buffer): void {
    if (this.#outputs === null) {
      this.#early?.push(frame);
      return;
    }
    const isApart = this.#socket.protocol === apartProtocol;
    const { name, chunk } = isApart ? readMarkedFrame(frame) : { name: 'stdout' as const, chunk: frame };
    const { stdout, stderr } = this.#outputs;
    const output = name === 'stdout' ? stdout : stderr;
    const taken = (error?: Error | null) => {
      if (error) this.#unread.resolve();
    };
    if (output.write(chunk, taken)) return;
    // Our output is read more slowly than the process writes, so the process must wait.
    this.#socket.pause();
    output.once('drain', () => {
      if (!stdout.writableNeedDrain && !stderr.writableNeedDrain) this.#socket.resume();
    });
  }

  #sendMessage(message: AttachInput): void {
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message));
  }
}

function toBuffer(data: RawData): Buffer {
  return Array.isArray(data) ? Buffer.concat(data) : Buffer.from(data as Buffer);
}
