import type { Readable } from 'node:stream';
import type { WebSocket } from 'ws';

/** Up to this much waits for a slow client before the process has to wait for it too. */
const heldBytes = 1024 * 1024;
/** No more than this waits for a client that does not read at all. */
const mostBytes = 64 * 1024 * 1024;
/** A stalled client's process is read once in this time: some 600 KB/s, ten times what the engine needs below. */
const trickleMs = 25;

/** The output of a process on its way to a client. */
export interface AttachedOutput {
  /** Resolves when all of it was given to the connection. A broken stream counts as ended. */
  readonly ended: Promise<unknown>;
  /** Reads the rest without waiting for the client. For a process that has ended: the rest is small. */
  release(): void;
}

/**
 * Sends the outputs of a process at the speed of its client. A slow client still gets a little at a time: when a process
 * has ended, the engine waits 2 s until its last 64 KiB are read, and drops them after that (moby 20.10, handling of the
 * exit event). Nothing reports the end before that.
 */
export function sendOutput(client: WebSocket, outputs: readonly (readonly [Readable, Frame])[]): AttachedOutput {
  const pumps = outputs.map(([source, frame]) => pump(client, source, frame));
  return {
    ended: Promise.all(pumps.map(({ ended }) => ended)),
    release: () => {
      for (const { release } of pumps) release();
    },
  };
}

/** What is sent for a chunk. */
type Frame = (chunk: Buffer) => Buffer;

function pump(client: WebSocket, source: Readable, frame: Frame) {
  let released = false;
  let trickle: NodeJS.Timeout | undefined;
  source.on('data', (chunk: Buffer) => {
    client.send(frame(chunk), { binary: true }, (error) => {
      if (error || client.bufferedAmount < heldBytes) source.resume();
    });
    if (released || client.readyState !== client.OPEN || client.bufferedAmount < heldBytes) return;
    source.pause();
    clearTimeout(trickle);
    trickle = setTimeout(() => {
      if (client.bufferedAmount < mostBytes) source.resume();
    }, trickleMs);
  });
  const ended = new Promise<void>((resolve) => {
    for (const end of ['end', 'close', 'error']) source.once(end, () => resolve());
  }).finally(() => clearTimeout(trickle));
  return {
    ended,
    release: () => {
      released = true;
      source.resume();
    },
  };
}
