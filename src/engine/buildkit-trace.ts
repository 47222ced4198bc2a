import { fieldsOf } from './protobuf.ts';

/** One report of BuildKit's progress: moby.buildkit.v1.StatusResponse, in the engine's answer under `moby.buildkit.trace`. */
export interface BuildTrace {
  readonly steps: readonly TracedStep[];
  readonly logs: readonly TracedLog[];
  readonly warnings: readonly string[];
}

/** A vertex of the build's graph. BuildKit reports it again at each change of its state. */
export interface TracedStep {
  readonly digest: string;
  readonly name: string;
  readonly cached: boolean;
  readonly started: boolean;
  readonly completed: boolean;
  readonly error: string;
}

export interface TracedLog {
  readonly digest: string;
  readonly stream: 'stdout' | 'stderr';
  readonly bytes: Uint8Array;
}

/** Field numbers are those of buildkit's api/services/control/control.proto. Throws RangeError if the bytes are not a message. */
export function decodeTrace(message: Uint8Array): BuildTrace {
  const steps: TracedStep[] = [];
  const logs: TracedLog[] = [];
  const warnings: string[] = [];
  for (const { number, value } of fieldsOf(message)) {
    if (typeof value === 'bigint') continue;
    if (number === 1) steps.push(decodeStep(value));
    if (number === 3) logs.push(decodeLog(value));
    if (number === 4) warnings.push(decodeWarning(value));
  }
  return { steps, logs, warnings };
}

function decodeStep(message: Uint8Array): TracedStep {
  const fields = lastOfEach(message);
  return {
    digest: text(fields.get(1)),
    name: text(fields.get(3)),
    cached: fields.get(4) === 1n,
    started: fields.has(5),
    completed: fields.has(6),
    error: text(fields.get(7)),
  };
}

function decodeLog(message: Uint8Array): TracedLog {
  const fields = lastOfEach(message);
  const bytes = fields.get(4);
  return {
    digest: text(fields.get(1)),
    stream: fields.get(3) === 2n ? 'stderr' : 'stdout',
    bytes: bytes instanceof Uint8Array ? bytes : new Uint8Array(),
  };
}

function decodeWarning(message: Uint8Array): string {
  return text(lastOfEach(message).get(3));
}

function lastOfEach(message: Uint8Array): ReadonlyMap<number, bigint | Uint8Array> {
  return new Map(Array.from(fieldsOf(message), ({ number, value }) => [number, value]));
}

function text(value: bigint | Uint8Array | undefined): string {
  return value instanceof Uint8Array ? Buffer.from(value).toString('utf8') : '';
}
