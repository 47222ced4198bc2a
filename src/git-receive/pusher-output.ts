import type { BuildOutput } from '../domain/build.ts';
import { type ErrorCode, errorCode, PlatformError } from '../domain/errors.ts';

/** The pusher's output in Heroku's layout (contracts/heroku.md 2.3). git puts `remote: ` before each line. */
export class PusherOutput implements BuildOutput {
  readonly #print: (line: string) => void;

  /** `print` takes one line without its newline. */
  constructor(print: (line: string) => void) {
    this.#print = print;
  }

  /** Prints lines without a prefix. */
  line(text: string): void {
    for (const line of visibleLines(text)) this.#print(line);
  }

  step(text: string): void {
    this.#prefixed('-----> ', text);
  }

  detail(text: string): void {
    this.#prefixed('       ', text);
  }

  warn(text: string): void {
    this.#prefixed(' !     ', text);
  }

  /** Prints why the push is refused and what to do next, unless the build's output has said so, and the last line. */
  refused(error: unknown, requestId: string): void {
    this.line('');
    if (error instanceof PlatformError && error.inShort !== undefined) {
      this.warn(`Push rejected, ${error.inShort}.`);
      this.line('');
      return;
    }
    this.warn(refusalText(error, requestId));
    if (error instanceof PlatformError && error.code !== 'internal' && error.hint) this.warn(error.hint);
    this.warn('');
    this.warn(`Push rejected, ${refusalReasons[errorCode(error)]}.`);
    this.line('');
  }

  #prefixed(prefix: string, text: string): void {
    for (const line of visibleLines(text)) this.#print(`${prefix}${line}`.trimEnd());
  }
}

/**
 * The reason for the pusher. Of a defect of the platform it shows only the request id, under which the log has the
 * details.
 */
export function refusalText(error: unknown, requestId: string): string {
  if (error instanceof PlatformError && error.code !== 'internal') return error.message;
  return `Internal error. The platform's log has the details under request ${requestId}.`;
}

const refusalReasons: Readonly<Record<ErrorCode, string>> = {
  invalid_params: 'it cannot be deployed as it is',
  unauthorized: 'you are not logged in',
  forbidden: 'you may not push to this app',
  not_found: 'the app is not there',
  conflict: 'the app has moved on',
  confirmation_required: 'a confirmation is missing',
  too_large: 'it is too large',
  rate_limited: 'too many requests',
  busy: 'the platform is busy',
  no_capacity: 'there is no room to run it',
  no_app_detected: 'no app was detected',
  build_failed: 'the build failed',
  start_failed: 'the new version did not start',
  cancelled: 'it was cancelled',
  timeout: 'it took too long',
  unavailable: 'a part of the platform does not answer',
  internal: 'the platform failed',
};

const sgr = '\\u001b\\[[0-9;]{0,32}m';
/**
 * Escape sequences (CSI, OSC and other strings, two-character ones). Colours are captured, so that they can be kept.
 */
const escapes = new RegExp(
  `(${sgr})|\\u001b\\[[0-?]*[ -/]*[@-~]?|\\u001b[\\]PX^_][^\\u0007\\u001b]*(?:\\u0007|\\u001b\\\\)?|\\u001b[ -/]*[0-~]?`,
  'g',
);
/** C0 without tab and the escapes kept above, DEL, C1, and the characters that reorder text. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are the subject
const controls = /[\u0000-\u0008\u000b-\u001a\u001c-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g;

/**
 * Splits into lines and removes what would move the cursor, retitle the window or hide text on the pusher's terminal.
 */
export function visibleLines(text: string): readonly string[] {
  return text
    .split(/\r?\n|\r/)
    .map((line) => line.replace(escapes, (_whole, colour?: string) => colour ?? '').replace(controls, ''));
}
