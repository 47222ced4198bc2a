import { Duplex, PassThrough, type Readable } from 'node:stream';
import { PlatformError } from '../domain/errors.ts';
import type { AttachedStreams } from '../domain/exec.ts';
import { type Instance, processName } from '../domain/instance.ts';
import type { RunRequest, RunSession } from '../domain/operations.ts';

export interface OneOffOptions {
  /** How long a one-off waits for its terminal before it is given up. */
  readonly terminalWaitMs?: number;
}

interface OneOff {
  readonly request: RunRequest;
  readonly client: PromiseWithResolvers<void>;
  readonly streams: PromiseWithResolvers<AttachedStreams>;
  readonly exited: PromiseWithResolvers<number>;
  /** Its streams, from before its start: whether that took effect may be known only later. */
  held: { readonly containerId: string; readonly streams: AttachedStreams } | null;
  /** Nobody waits for a terminal any more. */
  refusal: PlatformError | null;
  attached: boolean;
}

/** A one-off is known by its app and its name: both are chosen before the store gives it an id. */
type ProcessOf = Pick<Instance, 'appId' | 'type' | 'slot'>;

function keyOf(instance: ProcessOf): string {
  return `${instance.appId}/${processName(instance)}`;
}

/**
 * The one-shots that people started and that still live, with what the store must not hold: their environment and
 * their terminal. A restart of the platform forgets them; those that had not started are refused then.
 */
export class OneOffs {
  readonly #byProcess = new Map<string, OneOff>();
  readonly #terminalWaitMs: number;

  constructor({ terminalWaitMs = 60_000 }: OneOffOptions = {}) {
    this.#terminalWaitMs = terminalWaitMs;
  }

  add(instance: ProcessOf, request: RunRequest): void {
    const oneOff: OneOff = {
      request,
      client: Promise.withResolvers(),
      streams: Promise.withResolvers(),
      exited: Promise.withResolvers(),
      held: null,
      refusal: null,
      attached: false,
    };
    // A one-off may end with nobody listening; that is no defect.
    oneOff.client.promise.catch(() => undefined);
    oneOff.streams.promise.catch(() => undefined);
    oneOff.exited.promise.catch(() => undefined);
    this.#byProcess.set(keyOf(instance), oneOff);
  }

  request(instance: ProcessOf): RunRequest | null {
    return this.#byProcess.get(keyOf(instance))?.request ?? null;
  }

  /** Resolves when a terminal has come, or at once when none is wanted. Throws `start_failed` when none comes in time. */
  async clientArrived(instance: ProcessOf, signal: AbortSignal): Promise<void> {
    const oneOff = this.#byProcess.get(keyOf(instance));
    if (!oneOff?.request.attach) return;
    signal.throwIfAborted();
    const { promise, reject } = Promise.withResolvers<never>();
    const late = () => {
      oneOff.refusal = new PlatformError('start_failed', `No terminal came within ${this.#terminalWaitMs / 1000} s.`);
      reject(oneOff.refusal);
    };
    const timer = setTimeout(late, this.#terminalWaitMs);
    const abort = () => reject(signal.reason);
    signal.addEventListener('abort', abort, { once: true });
    try {
      await Promise.race([oneOff.client.promise, promise]);
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', abort);
    }
  }

  /** The streams that were attached for an earlier try to start this container, if they are still open. */
  held(instance: ProcessOf, containerId: string): AttachedStreams | null {
    const held = this.#byProcess.get(keyOf(instance))?.held;
    return held?.containerId === containerId && !isOver(held.streams.stdout) ? held.streams : null;
  }

  /** Keeps the streams of a container that is about to be started. */
  hold(instance: ProcessOf, containerId: string, streams: AttachedStreams): void {
    const oneOff = this.#byProcess.get(keyOf(instance));
    if (oneOff) oneOff.held = { containerId, streams };
  }

  /** Its container has started: gives the terminal the streams that were held. May be called again. */
  started(instance: ProcessOf): void {
    const oneOff = this.#byProcess.get(keyOf(instance));
    if (oneOff?.held) oneOff.streams.resolve(oneOff.held.streams);
  }

  /** With the reason, where it never started. */
  ended(instance: ProcessOf & { readonly reason?: string | null }, exitCode: number): void {
    const oneOff = this.#byProcess.get(keyOf(instance));
    if (!oneOff) return;
    oneOff.exited.resolve(exitCode);
    const reason = instance.reason ?? 'The one-off ended before it started.';
    oneOff.streams.reject(new PlatformError('start_failed', reason));
    this.#byProcess.delete(keyOf(instance));
  }

  /**
   * Takes the one seat at the terminal. Throws `not_found` for a strange or used one, `start_failed` with the reason where
   * the one-off never starts.
   */
  async attach(instance: ProcessOf, resize: (containerId: string, size: Size) => Promise<void>): Promise<RunSession> {
    const oneOff = this.#byProcess.get(keyOf(instance));
    if (!oneOff?.request.attach || oneOff.attached) {
      throw new PlatformError('not_found', 'No one-off waits for a terminal here.', {
        hint: 'Start another: paas run bash',
      });
    }
    if (oneOff.refusal) throw oneOff.refusal;
    oneOff.attached = true;
    oneOff.client.resolve();
    const streams = await oneOff.streams.promise;
    return {
      stream: terminal(streams),
      resize: (size) => (oneOff.held ? resize(oneOff.held.containerId, size) : Promise.resolve()),
      exited: oneOff.exited.promise,
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
