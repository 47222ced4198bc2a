import type { Readable, Writable } from 'node:stream';
import type { Environment } from '../config/environment.ts';

interface TerminalTraits {
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
  readonly rows?: number | undefined;
  getColorDepth?(env?: object): number;
}

export type Input = Readable & { readonly isTTY?: boolean | undefined; setRawMode?(raw: boolean): unknown };
export type Output = Writable & TerminalTraits;

/** All inputs and outputs of a command, so that a test can supply them. */
export interface Io {
  readonly stdin: Input;
  /** Data, for scripts. */
  readonly stdout: Output;
  /** Progress, warnings and errors, for people. */
  readonly stderr: Output;
  readonly env: Environment;
  /** The folder whose git remotes name the app when no flag does. */
  readonly cwd: string;
  /** Aborted to end the command early. */
  readonly signal: AbortSignal;
  now(): Date;
}
