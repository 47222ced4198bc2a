import { appendFile, readFile } from 'node:fs/promises';
import { parseRouteChange, parseRouteTable } from '../domain/resolver-protocol.ts';
import type { RouteChange, RouteTable } from '../domain/route.ts';
import { writeWhole } from '../system/durable-file.ts';

/** What a journal can be read into. */
export interface JournalReader {
  replace(table: RouteTable): boolean;
  change(change: RouteChange): boolean;
}

/**
 * Brings the routes back that were saved last: a line of JSON with a table, and one for each change after it. Reads as far
 * as it can be understood, a file cut short too; what is missing the orchestrator brings.
 */
export async function readJournal(path: string, reader: JournalReader): Promise<void> {
  const [first = '', ...rest] = (await readFile(path, 'utf8').catch(() => '')).split('\n');
  const table = parseRouteTable(first);
  if (!table) return;
  reader.replace(table);
  for (const line of rest) {
    const change = parseRouteChange(line);
    if (!change || !reader.change(change)) return;
  }
}

export interface RouteJournalOptions {
  readonly path: string;
  /** The routes in use. */
  readonly table: () => RouteTable;
  readonly failed: (error: unknown) => void;
  /** The file is written anew when its changes are larger than its table, and than this. */
  readonly minRewriteLength?: number;
}

const pauseMs = 100;
/** Routes put into JSON at once: 2 ms of work, after which requests have their turn. */
const routesPerTurn = 1_000;

/**
 * Saves the routes: the whole table now and then, a piece at a time, and each change behind it. What comes while the disk is
 * busy, or within `pauseMs`, is written together. Changes are not forced to the disk: a killed process loses none that was
 * written, and after a power cut the orchestrator brings what is missing.
 */
export class RouteJournal {
  readonly #options: Required<RouteJournalOptions>;
  #isWhole = false;
  #lines: string[] = [];
  #tableLength = 0;
  #changesLength = 0;
  #writing: Promise<void> | null = null;

  constructor(options: RouteJournalOptions) {
    this.#options = { minRewriteLength: 1024 * 1024, ...options };
  }

  /** The whole table is another one. */
  replaced(): void {
    this.#isWhole = false;
    this.#start();
  }

  changed(change: RouteChange): void {
    this.#lines.push(`${JSON.stringify(change)}\n`);
    this.#start();
  }

  /** Resolves when what was handed over is on the disk, or has failed to be. */
  async settled(): Promise<void> {
    await this.#writing;
  }

  #start(): void {
    this.#writing ??= this.#write().finally(() => {
      this.#writing = null;
    });
  }

  async #write(): Promise<void> {
    for (;;) {
      try {
        await this.#writeOnce();
      } catch (error) {
        // The next change tries again, with the whole table.
        this.#isWhole = false;
        this.#options.failed(error);
        return;
      }
      if (this.#isWhole && this.#lines.length === 0) return;
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
  }

  async #writeOnce(): Promise<void> {
    const isGrown = this.#changesLength > Math.max(this.#tableLength, this.#options.minRewriteLength);
    if (this.#isWhole && !isGrown) await this.#append();
    else await this.#rewrite();
  }

  async #append(): Promise<void> {
    const text = this.#lines.join('');
    this.#lines = [];
    this.#changesLength += text.length;
    await appendFile(this.#options.path, text, { mode: 0o600 });
  }

  async #rewrite(): Promise<void> {
    this.#isWhole = true;
    this.#lines = [];
    this.#tableLength = 0;
    this.#changesLength = 0;
    await writeWhole(this.#options.path, this.#tableInPieces());
  }

  /** The JSON of the table in use, in a line. */
  async *#tableInPieces(): AsyncGenerator<string> {
    const { version, reserved, routes } = this.#options.table();
    yield `{"version":${version},"reserved":${JSON.stringify(reserved)},"routes":[`;
    for (let at = 0; at < routes.length; at += routesPerTurn) {
      const piece = JSON.stringify(routes.slice(at, at + routesPerTurn)).slice(1, -1);
      this.#tableLength += piece.length;
      yield at === 0 ? piece : `,${piece}`;
      await new Promise((resolve) => setImmediate(resolve));
    }
    yield ']}\n';
  }
}
