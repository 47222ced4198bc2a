/** What all connections have sent ahead of their answers and nobody has read yet, in bytes. */
export class ReadAhead {
  readonly #limitBytes: number;
  #bytes = 0;

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  /** One connection holds `nowBytes` instead of `beforeBytes`. False, and nothing is counted, when that is beyond the limit. */
  change(beforeBytes: number, nowBytes: number): boolean {
    const bytes = this.#bytes - beforeBytes + nowBytes;
    if (nowBytes > beforeBytes && bytes > this.#limitBytes) return false;
    this.#bytes = bytes;
    return true;
  }
}
