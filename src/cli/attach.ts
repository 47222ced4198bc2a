import type { Readable } from 'node:stream';
import { type RawData, WebSocket } from 'ws';
import type { AttachInput, AttachOutput } from '../api/contract.ts';
import { PlatformError } from '../domain/errors.ts';
import { isLocalhostName, lookUpLocalhost } from './http.ts';
import type { Io } from './io.ts';

const connectTimeoutMs = 30_000;
const pingMs = 20_000;
const largestFrame = 4 * 1024 * 1024;
/** A server takes frames of up to 1 MiB. */
const sentFrame = 256 * 1024;

/** Connects to a one-off at the address that only this call may use. Throws `unavailable` when it is not let in. */
export async function attach(attachUrl: string, signal: AbortSignal): Promise<Attachment> {
  const url = new URL(attachUrl);
  const socket = new WebSocket(url, {
    ...(isLocalhostName(url.hostname) ? { lookup: lookUpLocalhost } : {}),
    handshakeTimeout: connectTimeoutMs,
    maxPayload: largestFrame,
    perMessageDeflate: false,
  });
  const attachment = new Attachment(socket);
  await attachment.opened;
  signal.addEventListener('abort', () => socket.terminate(), { once: true });
  return attachment;
}

/** A terminal, or two pipes, to a process elsewhere: binary frames are bytes, text frames are the contract's messages. */
export class Attachment {
  readonly opened: Promise<void>;
  readonly #socket: WebSocket;
  readonly #ended: Promise<AttachOutput>;
  /** What came before `converse`: the process begins as soon as it is attached. */
  #early: Buffer[] | null = [];
  #output: Io['stdout'] | null = null;

  constructor(socket: WebSocket) {
    this.#socket = socket;
    const opened = Promise.withResolvers<void>();
    const ended = Promise.withResolvers<AttachOutput>();
    this.opened = opened.promise;
    this.#ended = ended.promise;
    this.#ended.catch(() => {}); // Heard by `converse`, which may come later.
    const fail = (reason: string, cause?: unknown) => {
      const error = new PlatformError('unavailable', reason, { hint: 'What runs is shown by: paas ps', cause });
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
      if (isBinary) this.#show(toBuffer(data));
      else ended.resolve(JSON.parse(toBuffer(data).toString('utf8')));
    });
  }

  /** Joins this program's input and output to the process until it ends, and resolves with its exit code. */
  async converse(io: Pick<Io, 'stdin' | 'stdout'>, { tty }: { readonly tty: boolean }): Promise<number> {
    const { stdin, stdout } = io;
    this.#output = stdout;
    for (const chunk of this.#early ?? []) this.#show(chunk);
    this.#early = null;
    const resize = () => this.#say({ type: 'resize', columns: stdout.columns || 80, rows: stdout.rows || 24 });
    const ping = setInterval(() => this.#socket.ping(), pingMs);
    if (tty) {
      // Every key goes to the process, Ctrl-C too: it decides what an interrupt means.
      stdin.setRawMode?.(true);
      stdout.on('resize', resize);
      resize();
    }
    const stopInput = this.#sendInput(stdin);
    try {
      const end = await this.#ended;
      if (end.type === 'error') throw new PlatformError('unavailable', end.message);
      return end.code;
    } finally {
      clearInterval(ping);
      stopInput();
      if (tty) {
        stdin.setRawMode?.(false);
        stdout.off('resize', resize);
      }
      this.#socket.close();
    }
  }

  /** Sends what is read, no faster than the connection takes it, and the end of it. Returns what stops the reading. */
  #sendInput(stdin: Readable): () => void {
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
    const end = () => this.#say({ type: 'eof' });
    stdin.on('data', send).once('end', end);
    if (stdin.readableEnded) end();
    return () => {
      stdin.off('data', send).off('end', end);
      stdin.pause();
    };
  }

  #show(chunk: Buffer): void {
    if (this.#output === null) {
      this.#early?.push(chunk);
      return;
    }
    if (this.#output.write(chunk)) return;
    // The reader of our output is slower than the process: let the process wait.
    this.#socket.pause();
    this.#output.once('drain', () => this.#socket.resume());
  }

  #say(message: AttachInput): void {
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message));
  }
}

function toBuffer(data: RawData): Buffer {
  return Array.isArray(data) ? Buffer.concat(data) : Buffer.from(data as Buffer);
}
