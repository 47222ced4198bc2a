/**
 * Follows the head of a push: the ref updates and, if the client offered them, its push options (gitprotocol-pack(5),
 * "Reference Update Request"). The options are counted and left out: nobody reads them here, and git would give them to
 * its hook as environment variables, which have a limit of their own. Holds at most one pkt-line.
 */
export class PushHead {
  /** How many push options came so far. */
  optionCount = 0;
  /** The length of all push options. */
  optionBytes = 0;
  readonly #capabilities = new Set<string>();
  #part: 'updates' | 'options' | 'pack' = 'updates';
  #rest: Buffer = Buffer.alloc(0);

  /** Whether the client named the capability with its ref updates. */
  has(capability: string): boolean {
    return this.#capabilities.has(capability);
  }

  /** The next bytes for git. */
  pass(chunk: Buffer): Buffer {
    if (this.#isPast) return chunk;
    const data = Buffer.concat([this.#rest, chunk]);
    const passed: Buffer[] = [];
    let at = 0;
    while (at + 4 <= data.length && !this.#isPast) {
      const end = at + lengthAt(data, at);
      if (end > data.length) break;
      if (this.#takes(data.subarray(at, end))) passed.push(data.subarray(at, end));
      at = end;
    }
    this.#rest = this.#isPast ? Buffer.alloc(0) : data.subarray(at);
    return Buffer.concat(this.#isPast ? [...passed, data.subarray(at)] : passed);
  }

  get #isPast(): boolean {
    return this.#part === 'pack';
  }

  /** The bytes of a pkt-line that did not end. git reports them. */
  end(): Buffer {
    const rest = this.#part === 'options' ? Buffer.alloc(0) : this.#rest;
    this.#rest = Buffer.alloc(0);
    return rest;
  }

  /** Whether git gets this pkt-line. */
  #takes(line: Buffer): boolean {
    if (line.length > 4) {
      if (this.#part === 'options') {
        this.optionCount += 1;
        this.optionBytes += line.length - 4;
        return false;
      }
      this.#readCapabilities(line);
      return true;
    }
    const hasOptions = this.#part === 'updates' && line.toString('latin1') === '0000' && this.has('push-options');
    this.#part = hasOptions ? 'options' : 'pack';
    return true;
  }

  /** As git does (receive-pack.c, `read_head_info`): after the first NUL of any line, up to the next one. */
  #readCapabilities(line: Buffer): void {
    const [, list = ''] = line.toString('latin1', 4).split('\0');
    for (const word of list.split(/[ \t\r\n]+/)) this.#capabilities.add(word.replace(/=.*$/s, ''));
  }
}

/** The length of a pkt-line with its four digits. What is no pkt-line counts as its first four bytes. */
function lengthAt(data: Buffer, at: number): number {
  const digits = data.toString('latin1', at, at + 4);
  return /^[0-9a-f]{4}$/i.test(digits) ? Math.max(4, Number.parseInt(digits, 16)) : 4;
}
