import { Duplex, PassThrough } from 'node:stream';
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
  containerId: string | null;
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
      containerId: null,
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
    const late = () =>
      reject(new PlatformError('start_failed', `No terminal came within ${this.#terminalWaitMs / 1000} s.`));
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

  started(instance: ProcessOf, containerId: string, streams: AttachedStreams): void {
    const oneOff = this.#byProcess.get(keyOf(instance));
    if (!oneOff) return;
    oneOff.containerId = containerId;
    oneOff.streams.resolve(streams);
  }

  ended(instance: ProcessOf, exitCode: number): void {
    const oneOff = this.#byProcess.get(keyOf(instance));
    if (!oneOff) return;
    oneOff.exited.resolve(exitCode);
    oneOff.streams.reject(new PlatformError('start_failed', 'The one-off ended before it started.'));
    this.#byProcess.delete(keyOf(instance));
  }

  /** Takes the one seat at the terminal. Throws `not_found` for a strange or used one. */
  async attach(instance: ProcessOf, resize: (containerId: string, size: Size) => Promise<void>): Promise<RunSession> {
    const oneOff = this.#byProcess.get(keyOf(instance));
    if (!oneOff?.request.attach || oneOff.attached) {
      throw new PlatformError('not_found', 'No one-off waits for a terminal here.', {
        hint: 'Start another: paas run bash',
      });
    }
    oneOff.attached = true;
    oneOff.client.resolve();
    const streams = await oneOff.streams.promise;
    return {
      stream: terminal(streams),
      resize: (size) => (oneOff.containerId ? resize(oneOff.containerId, size) : Promise.resolve()),
      exited: oneOff.exited.promise,
    };
  }
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
