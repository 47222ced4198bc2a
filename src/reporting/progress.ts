import type { BuildOutput } from '../domain/build.ts';
import type { AppLog } from '../domain/log-line.ts';
import { plainText } from './plain-text.ts';

/** Heroku's marks, of seven columns each (contracts/heroku.md 2.3). */
const prefixes = { step: '-----> ', detail: '       ', warn: ' !     ' } as const;
type Kind = keyof typeof prefixes;

/** The same output to several: the pusher's terminal, the app's log. */
export function teeOutput(...outputs: readonly BuildOutput[]): BuildOutput {
  return outputOf((kind, text) => {
    for (const output of outputs) output[kind](text);
  });
}

/** Build output as lines of the app's log, of the source `build`. Without colours and other control characters. */
export function logOutput(appLog: AppLog, appId: string, now: () => Date = () => new Date()): BuildOutput {
  return outputOf((kind, text) => {
    for (const line of plainText(text).split('\n')) {
      const shown = `${prefixes[kind]}${line}`.trimEnd();
      appLog.write(appId, { at: now(), source: 'build', process: 'build', release: null, text: shown });
    }
  });
}

/** Of what one build may say (contracts/hardening.md §3.5), whoever builds it. */
const maxOutputBytes = 5 * 1024 * 1024;
const keptLines = 60;

/**
 * Passes on the first `maxBytes`, and of what comes then the last lines, at the end. `end()` must be called; what is
 * written after it is passed on as it comes.
 */
export class CappedOutput implements BuildOutput {
  readonly #output: BuildOutput;
  readonly #maxBytes: number;
  readonly #tail: { readonly kind: Kind; readonly text: string }[] = [];
  #bytes = 0;
  #held = 0;

  constructor(output: BuildOutput, maxBytes = maxOutputBytes) {
    this.#output = output;
    this.#maxBytes = maxBytes;
  }

  step(text: string): void {
    this.#write('step', text);
  }

  detail(text: string): void {
    this.#write('detail', text);
  }

  warn(text: string): void {
    this.#write('warn', text);
  }

  end(): void {
    const hidden = this.#held - this.#tail.length;
    if (hidden > 0) this.#output.warn(`The build wrote too much: ${hidden} lines are not shown here.`);
    for (const { kind, text } of this.#tail.splice(0)) this.#output[kind](text);
    this.#bytes = 0;
    this.#held = 0;
  }

  #write(kind: Kind, text: string): void {
    for (const line of text.split('\n')) {
      this.#bytes += line.length + 1;
      if (this.#bytes <= this.#maxBytes) {
        this.#output[kind](line);
        continue;
      }
      this.#held += 1;
      this.#tail.push({ kind, text: line });
      if (this.#tail.length > keptLines) this.#tail.shift();
    }
  }
}

function outputOf(write: (kind: Kind, text: string) => void): BuildOutput {
  return {
    step: (text) => write('step', text),
    detail: (text) => write('detail', text),
    warn: (text) => write('warn', text),
  };
}
