import { StringDecoder } from 'node:string_decoder';
import { type BuildOutput, drawnLine } from '../domain/build.ts';
import type { BuildTrace, TracedStep } from './buildkit-trace.ts';

/** What is told of a failed step: enough to see the reason, short enough for an error. */
const lastLines = 10;

interface Step {
  readonly name: string;
  announced: boolean;
  cachedTold: boolean;
  readonly decoder: StringDecoder;
  /** The beginning of a line whose end has not come yet. */
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
 * Turns BuildKit's reports into the lines that a person reads, the plain way: a step's name when it begins, then what it
 * writes. When steps run side by side, the name is told again at each change between them.
 */
export class BuildProgress {
  readonly #output: BuildOutput;
  readonly #steps = new Map<string, Step>();
  #speaking: Step | null = null;
  #failed: FailedStep | null = null;
  #fetched: string | null = null;

  constructor(output: BuildOutput) {
    this.#output = output;
  }

  get failed(): FailedStep | null {
    return this.#failed;
  }

  /** An address that the engine itself fetches for the build, once one has been reported. */
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
    // Its log may come in the same report as its end.
    for (const step of trace.steps) if (step.completed) this.#end(step);
  }

  #see(traced: TracedStep): void {
    const known = this.#steps.get(traced.digest);
    const step = known ?? newStep(traced.name);
    if (known === undefined) this.#steps.set(traced.digest, step);
    this.#fetched ??= fetchedAddress(step.name);
    if (isPlumbing(step.name)) return;
    if (traced.cached && !step.cachedTold && !step.announced) {
      step.cachedTold = true;
      this.#output.detail(`${step.name} (cached)`);
      this.#speaking = null;
    } else if (traced.started && !step.announced && !step.cachedTold) {
      this.#announce(step);
    }
  }

  #announce(step: Step): void {
    step.announced = true;
    this.#speaking = step;
    this.#output.detail(step.name);
  }

  #write(step: Step, text: string): void {
    const lines = (step.pending + text).split('\n');
    step.pending = lines.pop() ?? '';
    for (const line of lines) this.#line(step, line);
  }

  #line(step: Step, line: string): void {
    const text = drawnLine(line);
    if (step !== this.#speaking) this.#announce(step);
    this.#output.detail(text);
    step.tail.push(text);
    if (step.tail.length > lastLines) step.tail.shift();
  }

  #end(traced: TracedStep): void {
    const step = this.#steps.get(traced.digest);
    if (step === undefined) return;
    if (step.pending !== '') {
      this.#line(step, step.pending);
      step.pending = '';
    }
    // A step that others waited for is reported as cancelled too: the first error is the cause.
    if (traced.error !== '' && this.#failed === null && !/context canceled/i.test(traced.error)) {
      this.#failed = { name: step.name, error: traced.error, lastLines: [...step.tail] };
    }
  }
}

function newStep(name: string): Step {
  return { name, announced: false, cachedTold: false, decoder: new StringDecoder('utf8'), pending: '', tail: [] };
}

/** How the context reaches BuildKit: nobody wrote that in the Dockerfile. */
function isPlumbing(name: string): boolean {
  return (
    name.startsWith('[internal]') || name === 'copy /context /' || /^(exporting|writing|naming|unpacking) /.test(name)
  );
}

/**
 * What the engine fetches as itself: BuildKit names such a step by its address, newer front ends by the ADD that asks for
 * it. Quotes and escapes are still in the latter.
 */
function fetchedAddress(name: string): string | null {
  const source = /^(?:\[[^\]]*\] )?ADD (.*)$/s.exec(name)?.[1]?.replace(/["'\\`]/g, '') ?? name.split(' ')[0] ?? '';
  return /(?:^|[\s,[=])((?:https?|git|ssh):\/\/\S+|git@\S+)/i.exec(source)?.[1] ?? null;
}
