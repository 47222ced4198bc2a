import type { Readable, Writable } from 'node:stream';

export interface AttachedStreams {
  readonly stdin: Writable;
  readonly stdout: Readable;
  readonly stderr: Readable;
}

/** A second program in a container. It has the container's rights and limits, and no more privileges. */
export interface ExecRequest {
  readonly argv: readonly string[];
  /** In addition to the container's environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** `uid:gid`; adapters refuse root. Default: the container's own user. */
  readonly user?: string;
  readonly workingDir?: string;
  /** Whether it gets an input. Default: no, and it reads an end of file at once. */
  readonly input?: boolean;
  /** Gives it a terminal, which has this size right after the start. All of its output then comes on stdout. */
  readonly terminal?: TerminalSize;
}

export interface TerminalSize {
  readonly columns: number;
  readonly rows: number;
}

export interface ExecProcess extends AttachedStreams {
  /** Resizes its terminal. Succeeds also if the program has ended. */
  resize(size: TerminalSize): Promise<void>;
  /**
   * Resolves with its exit code when it has ended and its output was read; unread output blocks it. 126 or 127: the
   * program does not exist, and stdout has the engine's message. Throws `cancelled`, `timeout` for the signal of a
   * deadline, and `unavailable` if the engine closed the connection.
   */
  wait(): Promise<number>;
}

export interface CapturedExec extends Omit<ExecRequest, 'input' | 'terminal'> {
  /** Limit of both outputs together. The rest is dropped. */
  readonly maxBytes: number;
}

export interface ExecResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}
