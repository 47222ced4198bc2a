import { Duplex, PassThrough, type Readable } from 'node:stream';
import { PlatformError } from '../domain/errors.ts';
import type { AttachedStreams } from '../domain/exec.ts';
import type { RunSession } from '../domain/operations.ts';

export interface TerminalOptions {
  /** How long a one-off waits for its terminal before it is given up. */
  readonly terminalWaitMs?: number;
}

interface Seat {
  readonly client: PromiseWithResolvers<void>;
  readonly streams: PromiseWithResolvers<AttachedStreams>;
  readonly exited: PromiseWithResolvers<number>;
  /** Its streams, from before its start: whether that took effect may be known only later. */
  held: { readonly containerId: string; readonly streams: AttachedStreams } | null;
  /** Nobody waits for a terminal any more. */
  refusal: PlatformError | null;
  attached: boolean;
}

/**
 * The terminals of one-offs, from before they are placed until they end: what no store can hold. Everything else of a
 * one-off is in its row. A restart of the platform forgets the terminals, and with them those one-offs end.
 */
export class Terminals {
  /** By instance. */
  readonly #seats = new Map<string, Seat>();
  readonly #terminalWaitMs: number;

  constructor({ terminalWaitMs = 60_000 }: TerminalOptions = {}) {
    this.#terminalWaitMs = terminalWaitMs;
  }

  /** For an instance that has to wait for its terminal; before anybody can start it. */
  expect(instanceId: string): void {
    const seat: Seat = {
      client: Promise.withResolvers(),
      streams: Promise.withResolvers(),
      exited: Promise.withResolvers(),
      held: null,
      refusal: null,
      attached: false,
    };
    // A one-off may end with nobody listening; that is no defect.
    seat.client.promise.catch(() => undefined);
    seat.streams.promise.catch(() => undefined);
    seat.exited.promise.catch(() => undefined);
    this.#seats.set(instanceId, seat);
  }

  /** Whether the instance has a terminal, or one may still come. */
  isExpected(instanceId: string): boolean {
    return this.#seats.has(instanceId);
  }

  /** Resolves when the terminal has come. Throws `start_failed` when it does not come in time. */
  async arrived(instanceId: string, signal: AbortSignal): Promise<void> {
    const seat = this.#seats.get(instanceId);
    if (!seat) return;
    signal.throwIfAborted();
    const { promise, reject } = Promise.withResolvers<never>();
    const late = () => {
      seat.refusal = new PlatformError('start_failed', `No terminal came within ${this.#terminalWaitMs / 1000} s.`);
      reject(seat.refusal);
    };
    const timer = setTimeout(late, this.#terminalWaitMs);
    const abort = () => reject(signal.reason);
    signal.addEventListener('abort', abort, { once: true });
    try {
      await Promise.race([seat.client.promise, promise]);
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', abort);
    }
  }

  /** The streams that were attached for an earlier try to start this container, if they are still open. */
  held(instanceId: string, containerId: string): AttachedStreams | null {
    const held = this.#seats.get(instanceId)?.held;
    return held?.containerId === containerId && !isOver(held.streams.stdout) ? held.streams : null;
  }

  /** Keeps the streams of a container that is about to be started. */
  hold(instanceId: string, containerId: string, streams: AttachedStreams): void {
    const seat = this.#seats.get(instanceId);
    if (seat) seat.held = { containerId, streams };
  }

  /** Its container has started: gives the terminal the streams that were held. May be called again. */
  started(instanceId: string): void {
    const seat = this.#seats.get(instanceId);
    if (seat?.held) seat.streams.resolve(seat.held.streams);
  }

  /** `reason`: why it never started, where it did not. */
  ended(instanceId: string, exitCode: number, reason: string | null): void {
    const seat = this.#seats.get(instanceId);
    if (!seat) return;
    seat.exited.resolve(exitCode);
    seat.streams.reject(new PlatformError('start_failed', reason ?? 'The one-off ended before it started.'));
    this.#seats.delete(instanceId);
  }

  /**
   * Takes the one seat at the terminal. Throws `not_found` for a strange or used one, `start_failed` with the reason where
   * the one-off never starts.
   */
  async attach(instanceId: string, resize: (containerId: string, size: Size) => Promise<void>): Promise<RunSession> {
    const seat = this.#seats.get(instanceId);
    if (!seat || seat.attached) {
      throw new PlatformError('not_found', 'No one-off waits for a terminal here.', {
        hint: 'Start another: paas run bash',
      });
    }
    if (seat.refusal) throw seat.refusal;
    seat.attached = true;
    seat.client.resolve();
    const streams = await seat.streams.promise;
    return {
      stream: terminal(streams),
      resize: (size) => (seat.held ? resize(seat.held.containerId, size) : Promise.resolve()),
      exited: seat.exited.promise,
    };
  }
}

/** The engine's adapter ends the streams itself when their connection breaks off. */
function isOver(stream: Readable): boolean {
  return stream.destroyed || (stream instanceof Duplex && stream.writableEnded);
}

type Size = { readonly columns: number; readonly rows: number };

/** Standard output and standard error of a process without a terminal, in the order in which they come, as one stream. */
function terminal({ stdin, stdout, stderr }: AttachedStreams): Duplex {
  const output = new PassThrough();
  let open = 2;
  for (const source of [stdout, stderr]) {
    let ended = false;
    const end = () => {
      if (ended) return;
      ended = true;
      open -= 1;
      if (open === 0) output.end();
    };
    source.once('end', end).once('close', end).once('error', end);
    source.pipe(output, { end: false });
  }
  stdin.on('error', () => undefined);
  return Duplex.from({ readable: output, writable: stdin });
}
