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

/** All that a command knows of the world outside, so that a test can be that world. */
export interface Io {
  readonly stdin: Input;
  /** Data only: what a script reads. */
  readonly stdout: Output;
  /** Progress, warnings and errors: what a person reads. */
  readonly stderr: Output;
  readonly env: Environment;
  /** The folder whose git repository is meant when no app is named. */
  readonly cwd: string;
  /** Aborted when the command should end early. */
  readonly signal: AbortSignal;
  now(): Date;
}
