import { type Level, pino, stdSerializers } from 'pino';
import { PlatformError } from '../domain/errors.ts';
import type { LogFields, Logger } from '../system/logger.ts';
import { ownOutput } from './own-output.ts';
import { redact } from './redact.ts';

export interface LoggerOptions {
  /** `silent`, or the lowest level that is written. */
  readonly level: string;
  /** The program that logs: `orchestrator`, `resolver`, `launcher`. */
  readonly name: string;
  /** Default: standard output. */
  readonly destination?: { write(line: string): unknown };
}

/**
 * The platform's own log, in JSON lines. Each line is redacted as a whole when it leaves the process, whatever its
 * fields are.
 */
export function createLogger({ level, name, destination = ownOutput() }: LoggerOptions): Logger {
  const sink = { write: (line: string) => void destination.write(redact(line)) };
  const root = pino(
    {
      level,
      name,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { error: serializeError, err: serializeError },
    },
    sink,
  );
  return toLogger(root);
}

function toLogger(target: pino.Logger): Logger {
  const at =
    (level: Level) =>
    (message: string, fields: LogFields = {}) =>
      target[level](fields, message);
  return {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    child: (fields) => toLogger(target.child(fields)),
  };
}

/** An error with its causes; a PlatformError also with its code and hint. */
function serializeError(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const { type, message, stack } = stdSerializers.err(error);
  const ours = error instanceof PlatformError ? { code: error.code, hint: error.hint } : {};
  return { type, message, ...ours, stack };
}
