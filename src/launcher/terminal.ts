/** What the person at the terminal, or the reader of the journal, is told while the host is set up. */
export interface Announcer {
  /** A step begins: what is done, and why. */
  step(text: string): void;
  /** A sign of life within the step. */
  detail(text: string): void;
  /** Plain text, as it stands. */
  say(text: string): void;
}

export function announceOn(stream: NodeJS.WritableStream): Announcer {
  return {
    step: (text) => stream.write(`-----> ${text}\n`),
    detail: (text) => stream.write(`       ${text.replaceAll('\n', '\n       ')}\n`),
    say: (text) => stream.write(`${text}\n`),
  };
}
