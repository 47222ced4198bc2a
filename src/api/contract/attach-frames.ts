/**
 * The WebSocket subprotocol of an attached one-off in which its two outputs stay apart: each binary frame to the client
 * begins with a byte that names its stream. Without it, and on a terminal, the frames are the bytes of both.
 */
export const apartProtocol = 'outputs-apart';

export type OutputName = 'stdout' | 'stderr';

/** The file descriptors of POSIX. */
const marks: Readonly<Record<OutputName, number>> = { stdout: 1, stderr: 2 };

export function markedFrame(name: OutputName, chunk: Uint8Array): Buffer {
  return Buffer.concat([Buffer.of(marks[name]), chunk]);
}

export function readMarkedFrame(frame: Buffer): { readonly name: OutputName; readonly chunk: Buffer } {
  return { name: frame[0] === marks.stderr ? 'stderr' : 'stdout', chunk: frame.subarray(1) };
}
