import { type ErrorCode, errorCode, PlatformError, type PlatformErrorOptions } from '../domain/errors.ts';
import type { Io } from './io.ts';
import { harmless, styleOf } from './terminal-text.ts';

interface ApiErrorFacts {
  readonly status: number;
  readonly requestId?: string | undefined;
  readonly id?: string | undefined;
}

/** An error that the API reported, with the same code, message and hint. */
export class ApiError extends PlatformError {
  readonly status: number;
  readonly requestId: string | undefined;
  /** The answer's own word for the error. Undefined when it gave none, as a proxy's page. */
  readonly id: string | undefined;

  constructor(code: ErrorCode, message: string, options: PlatformErrorOptions & ApiErrorFacts) {
    super(code, message, options);
    this.name = 'ApiError';
    this.status = options.status;
    this.requestId = options.requestId;
    this.id = options.id;
  }
}

/** The answer to a change was lost, so nobody knows yet whether the change was made. */
export class LostChangeError extends PlatformError {
  /** The command that shows whether it was made. */
  readonly see: string;
  readonly lost: PlatformError;

  constructor(lost: PlatformError, { hint, see }: { readonly hint: string; readonly see: string }) {
    super(lost.code, lost.message, { hint, cause: lost, retryable: false });
    this.name = 'LostChangeError';
    this.see = see;
    this.lost = lost;
  }
}

/** Says in plain words why a user's file cannot be read. */
export function unreadable(file: string, cause: unknown): PlatformError {
  const { code, message } = cause as NodeJS.ErrnoException;
  const reasons: Readonly<Record<string, string>> = {
    ENOENT: 'there is no such file',
    ENOTDIR: 'there is no such file',
    EISDIR: 'it is a folder',
    EACCES: 'permission denied',
  };
  return new PlatformError('not_found', `${file} cannot be read: ${reasons[code ?? ''] ?? message}.`, { cause });
}

/** The error of a wrong command line. */
export function usageError(message: string, hint?: string): PlatformError {
  return new PlatformError('invalid_params', message, hint === undefined ? {} : { hint });
}

/**
 * 0: done. 1: the client failed, nobody is logged in, or a check failed. 2: wrong flags or arguments, or the API answered
 * with an error. 127: no such command. `run` exits with the exit code of its process.
 *
 * A reader that closes our output early (`paas logs | head`) changes no exit code: what was asked for is done, and a script
 * with `pipefail` goes on. Only `run` has then cut off a process that was not done, and exits as that process would have on
 * this machine: 128 + SIGPIPE.
 */
export const exitCodes = { ok: 0, failed: 1, refused: 2, unknownCommand: 127, unread: 141 } as const;

const ownExitCodes: Readonly<Record<ErrorCode, 1 | 2>> = {
  invalid_params: 2,
  unauthorized: 1,
  forbidden: 1,
  not_found: 1,
  conflict: 1,
  confirmation_required: 1,
  too_large: 1,
  rate_limited: 1,
  busy: 1,
  no_capacity: 1,
  no_app_detected: 1,
  build_failed: 1,
  start_failed: 1,
  cancelled: 1,
  timeout: 1,
  unavailable: 1,
  internal: 1,
};

export function exitCodeOf(error: unknown): number {
  if (error instanceof LostChangeError) return exitCodeOf(error.lost);
  return error instanceof ApiError ? exitCodes.refused : ownExitCodes[errorCode(error)];
}

/** Prints ` ›   Error: …` with the message, the hint and the API's error id. A defect is printed with its stack. */
export function printError(io: Pick<Io, 'stderr' | 'env'>, error: unknown): void {
  if (!(error instanceof PlatformError)) {
    const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
    printMarked(io, 'Error', `This is a defect of paas, not of your input.\n${stack}`);
    return;
  }
  const parts = [error.message];
  if (error.hint !== undefined) parts.push(error.hint);
  const answer = error instanceof LostChangeError ? error.lost : error;
  if (answer instanceof ApiError) {
    const request = answer.code === 'internal' && answer.requestId ? ` (request ${answer.requestId})` : '';
    parts.push(`Error ID: ${answer.code}${request}`);
  }
  printMarked(io, 'Error', parts.join('\n\n'));
}

/** The document of `--json` for a command that failed. With `may_be_done`, `see` is the command that shows whether it is. */
export function errorDocument(error: unknown): object {
  const known = error instanceof PlatformError;
  const lost = error instanceof LostChangeError ? error : null;
  return {
    error: {
      id: errorCode(error),
      message: known ? error.message : 'This is a defect of paas.',
      hint: known ? (error.hint ?? null) : null,
      may_be_done: lost !== null,
      see: lost?.see ?? null,
    },
  };
}

export function printWarning(io: Pick<Io, 'stderr' | 'env'>, message: string): void {
  printMarked(io, 'Warning', message);
}

function printMarked(io: Pick<Io, 'stderr' | 'env'>, kind: 'Error' | 'Warning', message: string): void {
  const style = styleOf(io.stderr, io.env);
  const colour = kind === 'Error' ? 'red' : 'yellow';
  const mark = style.paint(colour, '›');
  const lines = harmless(message, { colours: true }).trimEnd().split('\n');
  const text = lines.map((line, i) => ` ${mark}   ${i === 0 ? `${style.paint(colour, kind)}: ` : ''}${line}`.trimEnd());
  io.stderr.write(`${text.join('\n')}\n`);
}
