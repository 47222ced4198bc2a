import { Duplex, type Readable } from 'node:stream';
import { PlatformError } from '../domain/errors.ts';
import type { AttachedStreams } from '../domain/exec.ts';
import type { RunSession } from '../domain/operations.ts';

export interface TerminalOptions {
  /** How long a one-off waits for its terminal before it is refused, in milliseconds. */
  readonly terminalWaitMs?: number;
}

interface Terminal {
  readonly client: PromiseWithResolvers<void>;
  readonly streams: PromiseWithResolvers<AttachedStreams>;
  readonly exited: PromiseWithResolvers<number>;
  /** The container's streams, attached before its start. Whether the start took effect may be known only later. */
  held: { readonly containerId: string; readonly streams: AttachedStreams } | null;
  /** Why a terminal that comes now is refused; null while it may come. */
  refusal: PlatformError | null;
  attached: boolean;
}

/**
 * The terminals of one-offs, from before they are placed until they end. Everything else of a one-off is in its row.
 * A restart of the platform loses the terminals, and their one-offs end.
 */
export class Terminals {
  /** By instance id. */
  readonly #terminals = new Map<string, Terminal>();
  readonly #terminalWaitMs: number;

  constructor({ terminalWaitMs = 60_000 }: TerminalOptions = {}) {
    this.#terminalWaitMs = terminalWaitMs;
  }

  /** Makes the instance wait for its terminal. To be called before the supervisor can start it. */
  expect(instanceId: string): void {
    const terminal: Terminal = {
      client: Promise.withResolvers(),
      streams: Promise.withResolvers(),
      exited: Promise.withResolvers(),
      held: null,
      refusal: null,
      attached: false,
    };
    // A one-off may end before anything awaits these: not an unhandled rejection.
    terminal.client.promise.catch(() => undefined);
    terminal.streams.promise.catch(() => undefined);
    terminal.exited.promise.catch(() => undefined);
    this.#terminals.set(instanceId, terminal);
  }

  /** Whether the instance has a terminal, or still waits for one. */
  isExpected(instanceId: string): boolean {
    return this.#terminals.has(instanceId);
  }

  /** Resolves when the terminal is connected. Throws `start_failed` after `terminalWaitMs`. */
  async arrived(instanceId: string, signal: AbortSignal): Promise<void> {
    const terminal = this.#terminals.get(instanceId);
    if (!terminal) return;
    signal.throwIfAborted();
    const { promise, reject } = Promise.withResolvers<never>();
    const late = () => {
      terminal.refusal = new PlatformError('start_failed', `No terminal came within ${this.#terminalWaitMs / 1000} s.`);
      reject(terminal.refusal);
    };
    const timer = setTimeout(late, this.#terminalWaitMs);
    const abort = () => reject(signal.reason);
    signal.addEventListener('abort', abort, { once: true });
    try {
      await Promise.race([terminal.client.promise, promise]);
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', abort);
    }
  }

  /** The streams that an earlier try to start this container attached, if they are still open. */
  held(instanceId: string, containerId: string): AttachedStreams | null {
    const held = this.#terminals.get(instanceId)?.held;
    return held?.containerId === containerId && !isOver(held.streams.stdout) ? held.streams : null;
  }

  /** Keeps the streams of a container that is about to start. */
  hold(instanceId: string, containerId: string, streams: AttachedStreams): void {
    const terminal = this.#terminals.get(instanceId);
    if (terminal) terminal.held = { containerId, streams };
  }

  /** Gives the terminal the kept streams, once the container has started. May be called again. */
  started(instanceId: string): void {
    const terminal = this.#terminals.get(instanceId);
    if (terminal?.held) terminal.streams.resolve(terminal.held.streams);
  }

  /** Ends the terminal. `reason` says why the one-off never started, if it did not. */
  ended(instanceId: string, exitCode: number, reason: string | null): void {
    const terminal = this.#terminals.get(instanceId);
    if (!terminal) return;
    terminal.exited.resolve(exitCode);
    terminal.streams.reject(new PlatformError('start_failed', reason ?? 'The one-off ended before it started.'));
    this.#terminals.delete(instanceId);
  }

  /**
   * Connects the terminal, once. Throws `not_found` for an unknown or a connected one-off, and `start_failed` with the reason
   * when the one-off does not start.
   */
  async attach(instanceId: string, resize: (containerId: string, size: Size) => Promise<void>): Promise<RunSession> {
    const terminal = this.#terminals.get(instanceId);
    if (!terminal || terminal.attached) {
      throw new PlatformError('not_found', 'No one-off waits for a terminal here.', {
        hint: 'Start another: paas run bash',
      });
    }
    if (terminal.refusal) throw terminal.refusal;
    terminal.attached = true;
    terminal.client.resolve();
    const streams = await terminal.streams.promise;
    streams.stdin.on('error', () => undefined);
    return {
      ...streams,
      resize: (size) => (terminal.held ? resize(terminal.held.containerId, size) : Promise.resolve()),
      exited: terminal.exited.promise,
    };
  }
}

/** The engine's adapter ends the streams itself when their connection breaks off. */
function isOver(stream: Readable): boolean {
  return stream.destroyed || (stream instanceof Duplex && stream.writableEnded);
}

type Size = { readonly columns: number; readonly rows: number };
