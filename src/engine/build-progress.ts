import { StringDecoder } from 'node:string_decoder';
import { type BuildOutput, drawnLine } from '../domain/build.ts';
import type { BuildTrace, TracedStep } from './buildkit-trace.ts';

/** How many lines of a failed step its error contains: enough to see the reason. */
const lastLines = 10;

interface Step {
  readonly name: string;
  announced: boolean;
  cachedShown: boolean;
  readonly decoder: StringDecoder;
  /** The beginning of a line that has not ended yet. */
  pending: string;
  readonly tail: string[];
}

export interface FailedStep {
  /** "[3/5] RUN npm ci" */
  readonly name: string;
  readonly error: string;
  readonly lastLines: readonly string[];
}

/**
 * Turns BuildKit's reports into plain lines: a step's name when it begins, then its output. If steps run concurrently, the
 * name is repeated at each change between them.
 */
export class BuildProgress {
  readonly #output: BuildOutput;
  readonly #steps = new Map<string, Step>();
  #current: Step | null = null;
  #failure: { readonly step: Step; readonly error: string } | null = null;
  #fetched: string | null = null;

  constructor(output: BuildOutput) {
    this.#output = output;
  }

  get failed(): FailedStep | null {
    if (this.#failure === null) return null;
    const { step, error } = this.#failure;
    return { name: step.name, error, lastLines: [...step.tail] };
  }

  /** The first address that the engine itself fetches for the build. Null while none was reported. */
  get fetched(): string | null {
    return this.#fetched;
  }

  add(trace: BuildTrace): void {
    for (const step of trace.steps) this.#see(step);
    for (const { digest, bytes } of trace.logs) {
      const step = this.#steps.get(digest);
      if (step !== undefined) this.#write(step, step.decoder.write(Buffer.from(bytes)));
    }
    for (const warning of trace.warnings) if (warning !== '') this.#output.warn(warning);
    // The last lines of a step may come in the same report as its end.
    for (const step of trace.steps) if (step.completed) this.#end(step);
  }

  /** Shows the lines that have no newline. To be called when no more reports come: output may come after its step's end. */
  finish(): void {
    for (const step of this.#steps.values()) this.#endLine(step);
  }

  #see(traced: TracedStep): void {
    const known = this.#steps.get(traced.digest);
    const step = known ?? newStep(traced.name);
    if (known === undefined) this.#steps.set(traced.digest, step);
    this.#fetched ??= fetchedAddress(step.name);
    if (isPlumbing(step.name)) return;
    if (traced.cached && !step.cachedShown && !step.announced) {
      step.cachedShown = true;
      this.#output.detail(`${step.name} (cached)`);
      this.#current = null;
    } else if (traced.started && !step.announced && !step.cachedShown) {
      this.#announce(step);
    }
  }

  #announce(step: Step): void {
    step.announced = true;
    this.#current = step;
    this.#output.detail(step.name);
  }

  #write(step: Step, text: string): void {
    const lines = (step.pending + text).split('\n');
    step.pending = lines.pop() ?? '';
    for (const line of lines) this.#line(step, line);
  }

  #line(step: Step, line: string): void {
    const text = drawnLine(line);
    if (step !== this.#current) this.#announce(step);
    this.#output.detail(text);
    step.tail.push(text);
    if (step.tail.length > lastLines) step.tail.shift();
  }

  #end(traced: TracedStep): void {
    const step = this.#steps.get(traced.digest);
    if (step === undefined) return;
    this.#endLine(step);
    // Steps that depend on a failed step are reported as cancelled. The first error is the cause.
    if (traced.error !== '' && this.#failure === null && !/context canceled/i.test(traced.error)) {
      this.#failure = { step, error: traced.error };
    }
  }

  #endLine(step: Step): void {
    const last = step.pending + step.decoder.end();
    step.pending = '';
    if (last !== '') this.#line(step, last);
  }
}

function newStep(name: string): Step {
  return { name, announced: false, cachedShown: false, decoder: new StringDecoder('utf8'), pending: '', tail: [] };
}

/** Steps of BuildKit itself, which are not in the Dockerfile. */
function isPlumbing(name: string): boolean {
  return (
    name.startsWith('[internal]') || name === 'copy /context /' || /^(exporting|writing|naming|unpacking) /.test(name)
  );
}

/**
 * The address that the engine itself fetches in a step. BuildKit names such a step by its address; newer front ends name it
 * by its ADD instruction, with quotes and escapes.
 */
function fetchedAddress(name: string): string | null {
  const source = /^(?:\[[^\]]*\] )?ADD (.*)$/s.exec(name)?.[1]?.replace(/["'\\`]/g, '') ?? name.split(' ')[0] ?? '';
  return /(?:^|[\s,[=])((?:https?|git|ssh):\/\/\S+|git@\S+)/i.exec(source)?.[1] ?? null;
}
