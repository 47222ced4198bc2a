import { PlatformError } from '../domain/errors.ts';

export interface StreamEvent {
  /** The last id up to and including this event; the value for `Last-Event-ID`. */
  readonly id: string;
  readonly type: string;
  readonly data: string;
}

const longestLine = 1024 * 1024;

/** Parses server-sent events (HTML standard §9.2.6). Ends with the source, and drops an unfinished event. */
export async function* readEvents(source: AsyncIterable<Uint8Array>): AsyncGenerator<StreamEvent> {
  let id = '';
  let type = '';
  let data: string[] = [];
  for await (const line of lines(source)) {
    if (line === '') {
      if (data.length > 0) yield { id, type: type || 'message', data: data.join('\n') };
      type = '';
      data = [];
      continue;
    }
    const colon = line.indexOf(':');
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (field === 'data') data.push(value);
    else if (field === 'event') type = value;
    else if (field === 'id' && !value.includes('\0')) id = value;
  }
}

/** Splits into lines that end with LF, CR or CRLF. A chunk may end inside a CRLF. */
async function* lines(source: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of source) {
    rest += decoder.decode(chunk, { stream: true });
    // A CR at the end of a chunk may be half of a CRLF, so it waits for the next chunk.
    const found = rest.split(/\r\n|\n|\r(?!$)/);
    rest = found.pop() ?? '';
    yield* found;
    if (rest.length > longestLine) {
      throw new PlatformError('too_large', `A line of the stream has more than ${longestLine} characters.`);
    }
  }
  if (rest.endsWith('\r')) yield rest.slice(0, -1);
}
