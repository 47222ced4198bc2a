import type { Readable, Writable } from 'node:stream';

export interface AttachedStreams {
  readonly stdin: Writable;
  readonly stdout: Readable;
  readonly stderr: Readable;
}

/** A program beside the container's own: with its rights, in its limits, and no privilege more. */
export interface ExecRequest {
  readonly argv: readonly string[];
  /** On top of the container's own. */
  readonly env?: Readonly<Record<string, string>>;
  /** `uid:gid`; adapters refuse root. Default: the container's own user. */
  readonly user?: string;
  readonly workingDir?: string;
  /** Whether it has an input that is written to; default: it reads an end at once. */
  readonly input?: boolean;
  /** Gives it a terminal, of this size right after its start. Everything it writes then comes on stdout. */
  readonly terminal?: TerminalSize;
}

export interface TerminalSize {
  readonly columns: number;
  readonly rows: number;
}

export interface ExecProcess extends AttachedStreams {
  /** Of its terminal. Done, too, when it has ended. */
  resize(size: TerminalSize): Promise<void>;
  /**
   * Its exit code, when it has ended and what it wrote was read: unread output holds it up. 126 or 127: there is no such
   * program, and stdout says so in the engine's words. Throws `cancelled` or, for the signal of a deadline, `timeout`;
   * `unavailable` when the engine broke off.
   */
  wait(): Promise<number>;
}

export interface CapturedExec extends Omit<ExecRequest, 'input' | 'terminal'> {
  /** Of what it writes, both streams together; the rest is dropped. */
  readonly maxBytes: number;
}

export interface ExecResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}
